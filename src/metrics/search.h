/* metrics/search.h: what SEARCH() looks for, as in {AWS/SageMaker,EndpointName} ModelLatency NOT "test".
 *
 *     search   = [ "{" namespace { "," dimension } "}" [ "," ] ] [ any ]
 *     any      = all { "OR" all }
 *     all      = one { [ "AND" ] one }
 *     one      = "NOT" one | "(" any ")" | property "=" ( term | "(" any ")" ) | term
 *     property = "MetricName" | "Namespace" | a dimension's name
 *
 * The braces ask for a namespace and, where dimensions are given, for exactly that set of names. A
 * term in double quotes asks for a text as it is; one without asks for tokens: names are cut where
 * their capitals, digits and other characters say so, "CustomCount1" into custom, count and 1. One
 * token may be in any case; several must follow each other in the name, and where nothing but their
 * capitals or digits part them, in the same case. Without a property a term is looked for in
 * namespace, metric name, and the dimensions' names and values.
 *
 * Pure. Source: CloudWatch User Guide, "CloudWatch search expression syntax".
 */
#pragma once
#include "metrics/math_expression.h"
#include "metrics/metrics.h"

enum { SEARCH_TEXT_MAX = 1024, SEARCH_DEPTH_MAX = 64 };

struct search;

/** search_parse() - Return: 0, MATH_E_REFUSED with a position in @text, or -ENOMEM */
int search_parse(const char *text, struct search **ret, struct math_error *ret_error);
struct search *search_free(struct search *s);
DEFINE_AUTOFREE(struct search *, search_free)

bool search_matches(const struct search *s, const struct metric_name *name);
/** search_namespace() - the one that is asked for; NULL: any */
const char *search_namespace(const struct search *s);
/** search_terms() - how many texts are compared, as a measure of how long that takes */
size_t search_terms(const struct search *s);

/** search_partial() - whether the tokens of @term are in @text */
bool search_partial(const char *term, const char *text);
