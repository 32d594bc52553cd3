/* Recursive descent. Chains of one operator become one node with many operands, so that only
 * brackets and NOTs make the tree deep. */
#include "scaling/composite.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum kind { CONSTANT, STATE, NOT, AND, OR, AT_LEAST };

struct node {
    enum kind kind;
    bool negated; /* AT_LEAST: of those that are not in the state; CONSTANT: false */
    enum alarm_state state;
    size_t alarm;   /* STATE: index */
    unsigned least; /* AT_LEAST: so many, or so many percent */
    bool percent;
    struct node *first, *next; /* operands; the alarms of AT_LEAST, as STATEs */
};

struct composite {
    struct node *root;
    size_t n_nodes, n_elements, n_alarms;
    const char *alarms[COMPOSITE_ALARMS_MAX];
    char *strings; /* of the alarms, in the same allocation as the nodes */
    struct node nodes[];
};

struct parser {
    const char *text, *at;
    struct composite *c;
    char *strings; /* where the next one goes */
    unsigned depth;
    struct composite_error *error;
};

static int parse_or(struct parser *p, struct node **ret);

/* --- text ------------------------------------------------------------------------------------- */

static int __attribute__((format(printf, 2, 3))) refuse(struct parser *p, const char *format, ...)
{
    va_list args;

    p->error->position = (size_t)(p->at - p->text) + 1;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof(p->error->text), format, args);
    va_end(args);
    return COMPOSITE_E_REFUSED;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(struct parser *p)
{
    while (is_space(*p->at))
        p->at++;
    return *p->at;
}

static int expect(struct parser *p, char c)
{
    if (peek(p) != c)
        return refuse(p, "'%c' expected", c);
    p->at++;
    return 0;
}

static size_t word_size(const char *at)
{
    return strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
}

/* Keywords may be written in any case, as TRUE and False are. */
static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    peek(p);
    if (word_size(p->at) != n || strncasecmp(p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

static int add_node(struct parser *p, enum kind kind, struct node **ret)
{
    if (++p->c->n_elements > COMPOSITE_ELEMENTS_MAX)
        return refuse(p, "a rule has at most %d elements", COMPOSITE_ELEMENTS_MAX);
    *ret = &p->c->nodes[p->c->n_nodes++];
    **ret = (struct node){ .kind = kind };
    return 0;
}

/* --- alarms ----------------------------------------------------------------------------------- */

/* In quotes: everything up to the same quote. Return: the end, or NULL if there is none. */
static const char *copy_quoted(const char *at, char *to)
{
    char quote = *at++;

    for (; *at && *at != quote; at++) {
        if (*at == '\\' && (at[1] == quote || at[1] == '\\'))
            at++;
        *to++ = *at;
    }
    *to = '\0';
    return *at ? at + 1 : NULL;
}

static const char *copy_bare(const char *at, char *to)
{
    size_t n = strcspn(at, " \t\n\r(),\"'");

    memcpy(to, at, n);
    to[n] = '\0';
    return at + n;
}

static int parse_alarm(struct parser *p, size_t *ret_index)
{
    struct composite *c = p->c;
    char first = peek(p);
    const char *end = first == '"' || first == '\'' ? copy_quoted(p->at, p->strings)
                                                    : copy_bare(p->at, p->strings);

    if (!end)
        return refuse(p, "the quoted name does not end");
    if (!*p->strings)
        return refuse(p, "the name of an alarm expected");
    for (*ret_index = 0; *ret_index < c->n_alarms; ++*ret_index)
        if (strcmp(c->alarms[*ret_index], p->strings) == 0)
            break;
    if (*ret_index == c->n_alarms) {
        if (c->n_alarms == COMPOSITE_ALARMS_MAX)
            return refuse(p, "a rule names at most %d alarms", COMPOSITE_ALARMS_MAX);
        c->alarms[c->n_alarms++] = p->strings;
        p->strings += strlen(p->strings) + 1;
    }
    p->at = end;
    return 0;
}

static bool take_state(struct parser *p, enum alarm_state *ret)
{
    static const enum alarm_state states[] = { ALARM_ALARM, ALARM_OK, ALARM_INSUFFICIENT_DATA };

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (take_word(p, alarm_state_text(states[i]))) {
            *ret = states[i];
            return true;
        }
    return false;
}

static int parse_state(struct parser *p, enum alarm_state state, struct node **ret)
{
    int r = expect(p, '(');

    if (!r)
        r = add_node(p, STATE, ret);
    if (r)
        return r;
    (*ret)->state = state;
    r = parse_alarm(p, &(*ret)->alarm);
    return r ? r : expect(p, ')');
}

/* --- AT_LEAST --------------------------------------------------------------------------------- */

static int parse_count(struct parser *p, struct node *node)
{
    unsigned n = 0;

    if (peek(p) < '0' || *p->at > '9')
        return refuse(p, "a number expected");
    for (; *p->at >= '0' && *p->at <= '9' && n <= COMPOSITE_ALARMS_MAX; p->at++)
        n = n * 10 + (unsigned)(*p->at - '0');
    if (n < 1 || n > COMPOSITE_ALARMS_MAX)
        return refuse(p, "the number must be between 1 and %d", COMPOSITE_ALARMS_MAX);
    node->least = n;
    if (peek(p) == '%') {
        node->percent = true;
        p->at++;
    }
    return expect(p, ',');
}

static int parse_members(struct parser *p, struct node *node)
{
    struct node **last = &node->first;
    int r = expect(p, '(');

    while (!r) {
        r = add_node(p, STATE, last);
        if (r)
            return r;
        (*last)->state = node->state;
        r = parse_alarm(p, &(*last)->alarm);
        last = &(*last)->next;
        if (r || peek(p) != ',')
            break;
        p->at++;
    }
    return r ? r : expect(p, ')');
}

static int parse_at_least(struct parser *p, struct node **ret)
{
    int r = expect(p, '(');

    if (!r)
        r = add_node(p, AT_LEAST, ret);
    if (!r)
        r = parse_count(p, *ret);
    if (r)
        return r;
    (*ret)->negated = take_word(p, "NOT");
    if (!take_state(p, &(*ret)->state))
        return refuse(p, "ALARM, OK or INSUFFICIENT_DATA expected");
    r = expect(p, ',');
    if (!r)
        r = parse_members(p, *ret);
    return r ? r : expect(p, ')');
}

/* --- conditions ------------------------------------------------------------------------------- */

static int parse_constant(struct parser *p, bool value, struct node **ret)
{
    int r = add_node(p, CONSTANT, ret);

    if (!r)
        (*ret)->negated = !value;
    return r;
}

static int parse_condition(struct parser *p, struct node **ret);

static int parse_not(struct parser *p, struct node **ret)
{
    int r = add_node(p, NOT, ret);

    return r ? r : parse_condition(p, &(*ret)->first);
}

static int parse_simple(struct parser *p, struct node **ret)
{
    enum alarm_state state;
    int r;

    if (take_word(p, "NOT"))
        return parse_not(p, ret);
    if (take_word(p, "TRUE"))
        return parse_constant(p, true, ret);
    if (take_word(p, "FALSE"))
        return parse_constant(p, false, ret);
    if (take_word(p, "AT_LEAST"))
        return parse_at_least(p, ret);
    if (take_state(p, &state))
        return parse_state(p, state, ret);
    r = expect(p, '(');
    if (r)
        return refuse(p, "a condition expected");
    r = parse_or(p, ret);
    return r ? r : expect(p, ')');
}

static int parse_condition(struct parser *p, struct node **ret)
{
    int r;

    if (++p->depth > COMPOSITE_DEPTH_MAX)
        return refuse(p, "this nests more than %d deep", COMPOSITE_DEPTH_MAX);
    r = parse_simple(p, ret);
    p->depth--;
    return r;
}

/* Operands with the same operator between them; a single one stands for itself. */
static int parse_chain(struct parser *p, enum kind kind, const char *word,
                       int (*parse_operand)(struct parser *p, struct node **ret), struct node **ret)
{
    struct node *chain = NULL, **last;
    int r = parse_operand(p, ret);

    if (r || !take_word(p, word))
        return r;
    r = add_node(p, kind, &chain);
    if (r)
        return r;
    assert(chain);
    chain->first = *ret;
    last = &chain->first->next;
    do {
        r = parse_operand(p, last);
        if (r)
            return r;
        last = &(*last)->next;
    } while (take_word(p, word));
    *ret = chain;
    return 0;
}

static int parse_and(struct parser *p, struct node **ret)
{
    return parse_chain(p, AND, "AND", parse_condition, ret);
}

static int parse_or(struct parser *p, struct node **ret)
{
    return parse_chain(p, OR, "OR", parse_and, ret);
}

/* --- the rule --------------------------------------------------------------------------------- */

int composite_parse(const char *text, struct composite **ret, struct composite_error *ret_error)
{
    autofree(composite_free) struct composite *c = NULL;
    struct parser p = { .text = text, .at = text, .error = ret_error };
    size_t size = strlen(text);
    int r;

    if (size > COMPOSITE_TEXT_MAX)
        return refuse(&p, "a rule has at most %d characters", COMPOSITE_TEXT_MAX);
    /* a name takes at most as many bytes as its text, the bracket behind it included; one more is
     * tried out behind the last */
    c = calloc(1, sizeof(*c) + COMPOSITE_ELEMENTS_MAX * sizeof(*c->nodes) + 2 * size + 2);
    if (!c)
        return fault(-ENOMEM);
    c->strings = (char *)&c->nodes[COMPOSITE_ELEMENTS_MAX];
    p.c = c;
    p.strings = c->strings;
    r = parse_or(&p, &c->root);
    if (!r && peek(&p) != '\0')
        r = refuse(&p, "AND or OR expected");
    if (r)
        return r;
    *ret = steal(c);
    return 0;
}

struct composite *composite_free(struct composite *c)
{
    free(c);
    return NULL;
}

size_t composite_n_alarms(const struct composite *c)
{
    return c->n_alarms;
}

const char *composite_alarm(const struct composite *c, size_t i)
{
    return c->alarms[i];
}

static bool enough(const struct node *node, const enum alarm_state *states)
{
    unsigned members = 0, fitting = 0;

    for (const struct node *m = node->first; m; m = m->next) {
        members++;
        fitting += (states[m->alarm] == m->state) != node->negated;
    }
    return node->percent ? fitting * 100 >= node->least * members : fitting >= node->least;
}

static bool holds(const struct node *node, const enum alarm_state *states)
{
    switch (node->kind) {
    case CONSTANT:
        return !node->negated;
    case STATE:
        return states[node->alarm] == node->state;
    case NOT:
        return !holds(node->first, states);
    case AT_LEAST:
        return enough(node, states);
    case AND:
    case OR:
        break;
    }
    for (const struct node *n = node->first; n; n = n->next)
        if (holds(n, states) != (node->kind == AND))
            return node->kind == OR;
    return node->kind == AND;
}

bool composite_holds(const struct composite *c, const enum alarm_state *states)
{
    return holds(c->root, states);
}
