#include "metrics/search.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "metrics/search_tree.h"

struct search *search_free(struct search *s)
{
    free(s);
    return NULL;
}

const char *search_namespace(const struct search *s)
{
    return s->namespace;
}

size_t search_terms(const struct search *s)
{
    return s->n_terms;
}

/* --- tokens ----------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter_or_digit(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

struct token {
    const char *text;
    size_t size;
    bool parted; /* from what follows or comes before by its letters alone */
};

/* Where a token that begins at @at ends: "SDB|Failure", "Custom|Count|1". */
static const char *token_end(const char *at)
{
    const char *end = at;

    if (is_digit(*at)) {
        while (is_digit(*end))
            end++;
        return end;
    }
    while (is_upper(*end))
        end++;
    if (end - at > 1)
        return is_lower(*end) ? end - 1 : end;
    while (is_lower(*end))
        end++;
    return end;
}

/* The next token of @text from *@at on. Return: false at the end. */
static bool next_token(const char *text, const char **at, struct token *ret)
{
    while (**at && !is_letter_or_digit(**at))
        ++*at;
    if (**at == '\0')
        return false;
    ret->text = *at;
    *at = token_end(*at);
    ret->size = (size_t)(*at - ret->text);
    ret->parted =
        (ret->text > text && is_letter_or_digit(ret->text[-1])) || is_letter_or_digit(**at);
    return true;
}

static bool same_token(const struct token *term, const struct token *text)
{
    if (term->size != text->size)
        return false;
    return term->parted ? memcmp(term->text, text->text, term->size) == 0
                        : strncasecmp(term->text, text->text, term->size) == 0;
}

/* Do all of @term's tokens follow each other from @at on? */
static bool tokens_at(const char *term, const char *text, const char *at)
{
    const char *in_term = term;
    struct token a, b;

    while (next_token(term, &in_term, &a))
        if (!next_token(text, &at, &b) || !same_token(&a, &b))
            return false;
    return in_term > term;
}

/* The whole, without what is neither letter nor digit, is a token, too. */
static bool same_whole(const char *term, const char *text)
{
    for (;;) {
        while (*term && !is_letter_or_digit(*term))
            term++;
        while (*text && !is_letter_or_digit(*text))
            text++;
        if (*term == '\0' || *text == '\0')
            return *term == *text;
        if (strncasecmp(term++, text++, 1) != 0)
            return false;
    }
}

bool search_partial(const char *term, const char *text)
{
    const char *at = text;
    struct token token;

    if (same_whole(term, text))
        return true;
    do
        if (tokens_at(term, text, at))
            return true;
    while (next_token(text, &at, &token));
    return false;
}

/* --- metrics ---------------------------------------------------------------------------------- */

static bool term_matches(const struct search_node *term, const char *text)
{
    return term->kind == SEARCH_EXACT ? strcmp(term->text, text) == 0
                                      : search_partial(term->text, text);
}

static bool property_matches(const struct search_node *term, const struct metric_name *name)
{
    if (strcmp(term->property, "MetricName") == 0)
        return term_matches(term, name->name);
    if (strcmp(term->property, "Namespace") == 0)
        return term_matches(term, name->namespace);
    for (size_t i = 0; i < name->n_dimensions; i++)
        if (strcmp(term->property, name->dimensions[i].name) == 0)
            return term_matches(term, name->dimensions[i].value);
    return false;
}

static bool anything_matches(const struct search_node *term, const struct metric_name *name)
{
    if (term_matches(term, name->name) || term_matches(term, name->namespace))
        return true;
    for (size_t i = 0; i < name->n_dimensions; i++)
        if (term_matches(term, name->dimensions[i].name) ||
            term_matches(term, name->dimensions[i].value))
            return true;
    return false;
}

static bool node_matches(const struct search_node *node, const struct metric_name *name)
{
    switch (node->kind) {
    case SEARCH_ALL:
        for (const struct search_node *n = node->first; n; n = n->next)
            if (!node_matches(n, name))
                return false;
        return true;
    case SEARCH_ANY:
        for (const struct search_node *n = node->first; n; n = n->next)
            if (node_matches(n, name))
                return true;
        return false;
    case SEARCH_NOT:
        return !node_matches(node->first, name);
    case SEARCH_TERM:
    case SEARCH_EXACT:
        break;
    }
    return node->property ? property_matches(node, name) : anything_matches(node, name);
}

static bool has_dimension(const struct search *s, const char *name)
{
    for (size_t i = 0; i < s->n_dimensions; i++)
        if (strcmp(s->dimensions[i], name) == 0)
            return true;
    return false;
}

static bool schema_matches(const struct search *s, const struct metric_name *name)
{
    if (s->namespace && strcmp(s->namespace, name->namespace) != 0)
        return false;
    if (s->n_dimensions == 0)
        return true;
    if (s->n_dimensions != name->n_dimensions)
        return false;
    for (size_t i = 0; i < name->n_dimensions; i++)
        if (!has_dimension(s, name->dimensions[i].name))
            return false;
    return true;
}

bool search_matches(const struct search *s, const struct metric_name *name)
{
    return schema_matches(s, name) && (!s->root || node_matches(s->root, name));
}
