/* health/matcher.h: which codes of an answer are good ones, in the form of ELBv2's Matcher: "200",
 * "200,204", "200-299,404".
 */
#pragma once
#include <stdbool.h>

/** matcher_is_valid() - whether @text is one: numbers and ranges of up to three digits */
bool matcher_is_valid(const char *text);
/** matcher_has() - whether @code is among them; false if @text is none */
bool matcher_has(const char *text, unsigned code);
