/* Recursive descent over the text. Every term takes a byte of it and a byte between it and the
 * next, every NOT three; so there are no more nodes than bytes, and one allocation, made
 * beforehand, holds any tree. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/math_tree.h"
#include "metrics/search_tree.h"

struct parser {
    const char *text, *at;
    struct search *s;
    size_t room;   /* for nodes */
    char *strings; /* where the next one goes */
    const char *property;
    unsigned depth;
    struct math_error *error;
};

static int parse_any(struct parser *p, struct search_node **ret);

static int refuse(struct parser *p, const char *why)
{
    return math_refuse(p->error, (size_t)(p->at - p->text) + 1, "%s", why);
}

static char peek(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
        p->at++;
    return *p->at;
}

static bool take(struct parser *p, char c)
{
    if (peek(p) != c)
        return false;
    p->at++;
    return true;
}

/* a term without quotes ends before these */
static bool ends_word(char c)
{
    return c == '\0' || strchr(" \t\n\r()\"={}", c);
}

static bool take_operator(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    peek(p);
    if (strncmp(p->at, word, n) != 0 || !ends_word(p->at[n]))
        return false;
    p->at += n;
    return true;
}

static struct search_node *new_node(struct parser *p, enum search_kind kind)
{
    struct search_node *node = &p->s->nodes[p->s->n_nodes++];

    assert(p->s->n_nodes <= p->room);
    *node = (struct search_node){ .kind = kind };
    return node;
}

/* --- words ------------------------------------------------------------------------------------ */

static int take_quoted(struct parser *p, const char **ret)
{
    char *to = p->strings;

    p->at++;
    for (; *p->at != '"'; p->at++) {
        if (*p->at == '\\' && p->at[1])
            p->at++;
        if (*p->at == '\0')
            return refuse(p, "a closing \" is missing");
        *to++ = *p->at;
    }
    p->at++;
    *to++ = '\0';
    if (to - p->strings == 1)
        return refuse(p, "there is nothing between the quotes");
    *ret = p->strings;
    p->strings = to;
    return 0;
}

/* @also: one more character that ends it, or 0 */
static int take_word(struct parser *p, char also, const char **ret)
{
    const char *start = p->at;
    size_t n;

    while (!ends_word(*p->at) && *p->at != also)
        p->at++;
    n = (size_t)(p->at - start);
    if (n == 0)
        return refuse(p, "a search term was expected");
    memcpy(p->strings, start, n);
    p->strings[n] = '\0';
    *ret = p->strings;
    p->strings += n + 1;
    return 0;
}

static bool has_tokens(const char *text)
{
    for (; *text; text++)
        if ((*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
            (*text >= 'A' && *text <= 'Z'))
            return true;
    return false;
}

/* --- terms ------------------------------------------------------------------------------------ */

static int parse_group(struct parser *p, struct search_node **ret)
{
    int r;

    p->at++;
    r = parse_any(p, ret);
    if (!r && !take(p, ')'))
        r = refuse(p, "a closing ) is missing");
    return r;
}

/* What stands behind a property's "=". */
static int parse_value(struct parser *p, const char *property, struct search_node **ret)
{
    const char *outer = p->property;
    int r;

    if (outer)
        return refuse(p, "a property cannot be part of another's value");
    p->property = property;
    if (peek(p) == '(') {
        r = parse_group(p, ret);
    } else {
        bool quoted = *p->at == '"';
        const char *text;

        r = quoted ? take_quoted(p, &text) : take_word(p, 0, &text);
        if (r)
            return r;
        if (!quoted && !has_tokens(text))
            return refuse(p, "a search term needs a letter or digit");
        *ret = new_node(p, quoted ? SEARCH_EXACT : SEARCH_TERM);
        (*ret)->property = property;
        (*ret)->text = text;
        p->s->n_terms++;
    }
    p->property = outer;
    return r;
}

static int parse_term(struct parser *p, struct search_node **ret)
{
    bool quoted = peek(p) == '"';
    const char *text, *start = p->at;
    int r;

    if (take_operator(p, "AND") || take_operator(p, "OR")) {
        p->at = start;
        return refuse(p, "an operator stands where a search term was expected");
    }
    r = quoted ? take_quoted(p, &text) : take_word(p, 0, &text);

    if (r)
        return r;
    if (peek(p) == '=' && strcmp(text, ":aws.AccountId") == 0)
        return refuse(p, "metrics cannot be searched by account");
    if (take(p, '='))
        return parse_value(p, text, ret);
    if (!quoted && !has_tokens(text))
        return refuse(p, "a search term needs a letter or digit");
    *ret = new_node(p, quoted ? SEARCH_EXACT : SEARCH_TERM);
    (*ret)->property = p->property;
    (*ret)->text = text;
    p->s->n_terms++;
    return 0;
}

static int parse_one(struct parser *p, struct search_node **ret)
{
    struct search_node *node;
    int r;

    if (++p->depth > SEARCH_DEPTH_MAX)
        return refuse(p, "the search nests too deep");
    if (take_operator(p, "NOT")) {
        node = new_node(p, SEARCH_NOT);
        r = parse_one(p, &node->first);
        *ret = node;
    } else if (peek(p) == '(') {
        r = parse_group(p, ret);
    } else {
        r = parse_term(p, ret);
    }
    p->depth--;
    return r;
}

/* --- joining ---------------------------------------------------------------------------------- */

/* @node becomes one of what @list joins; a list of one is that one. */
static void join(struct parser *p, enum search_kind kind, struct search_node *node,
                 struct search_node **list, struct search_node **last)
{
    if (*last && *list == *last) {
        *list = new_node(p, kind);
        (*list)->first = *last;
    }
    if (*last)
        (*last)->next = node;
    else
        *list = node;
    *last = node;
}

static bool ends_all(struct parser *p)
{
    const char *at = p->at;
    bool or = take_operator(p, "OR");

    p->at = at;
    return or || peek(p) == '\0' || *p->at == ')';
}

static int parse_all(struct parser *p, struct search_node **ret)
{
    struct search_node *list = NULL, *last = NULL, *node;

    do {
        int r = parse_one(p, &node);

        if (r)
            return r;
        join(p, SEARCH_ALL, node, &list, &last);
    } while (take_operator(p, "AND") || !ends_all(p));
    *ret = list;
    return 0;
}

static int parse_any(struct parser *p, struct search_node **ret)
{
    struct search_node *list = NULL, *last = NULL, *node;

    do {
        int r = parse_all(p, &node);

        if (r)
            return r;
        join(p, SEARCH_ANY, node, &list, &last);
    } while (take_operator(p, "OR"));
    *ret = list;
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int take_name(struct parser *p, const char **ret)
{
    return peek(p) == '"' ? take_quoted(p, ret) : take_word(p, ',', ret);
}

static int parse_schema(struct parser *p)
{
    int r = take_name(p, &p->s->namespace);

    while (!r && take(p, ',')) {
        if (p->s->n_dimensions == METRICS_DIMENSIONS_MAX)
            return refuse(p, "a metric has at most 30 dimensions");
        r = take_name(p, &p->s->dimensions[p->s->n_dimensions]);
        p->s->n_dimensions += !r;
    }
    if (!r && !take(p, '}'))
        r = refuse(p, "a comma or } was expected");
    if (!r)
        take(p, ',');
    return r;
}

static int parse(struct parser *p)
{
    struct search_node *root = NULL;
    int r = take(p, '{') ? parse_schema(p) : 0;

    if (r)
        return r;
    if (peek(p) == '\0')
        return p->s->namespace ? 0 : refuse(p, "there is nothing to search for");
    r = parse_any(p, &root);
    if (!r && peek(p) != '\0')
        r = refuse(p, "there is a ) too many");
    p->s->root = root;
    return r;
}

int search_parse(const char *text, struct search **ret, struct math_error *ret_error)
{
    size_t size = strlen(text);
    struct parser p = { .text = text, .at = text, .room = size + 1, .error = ret_error };
    autofree(search_free) struct search *s = NULL;
    int r;

    if (size > SEARCH_TEXT_MAX)
        return math_refuse(ret_error, SEARCH_TEXT_MAX + 1, "a search has at most %d characters",
                           SEARCH_TEXT_MAX);
    s = calloc(1, sizeof(*s) + p.room * sizeof(*s->nodes) + 2 * size + 2);
    if (!s)
        return fault(-ENOMEM);
    s->strings = (char *)&s->nodes[p.room];
    p.s = s;
    p.strings = s->strings;
    r = parse(&p);
    if (r)
        return r;
    *ret = steal(s);
    return 0;
}
