/* Precedence climbing over the text; tokens are read as they are needed.
 *
 * Every node takes a byte of the text at least and every string twice its length at most, so one
 * allocation, made beforehand, holds any tree. How deep brackets, calls and signs nest is limited;
 * chains of operators are as deep as the text is long, which is limited too.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "metrics/math_tree.h"

struct parser {
    const char *text, *at;
    struct math *m;
    char *strings; /* where the next one goes */
    unsigned depth;
    struct math_error *error;
};

static int parse_expression(struct parser *p, unsigned precedence, struct math_node **ret);

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

static bool is_name(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
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

static size_t position(const struct parser *p)
{
    return (size_t)(p->at - p->text) + 1;
}

/* What was expected, and what stands there. */
static int unexpected(struct parser *p, const char *expected)
{
    unsigned char c = (unsigned char)peek(p);

    if (c == '\0')
        return math_refuse(p->error, position(p), "%s expected, but the expression ends", expected);
    if (c < ' ' || c > '~')
        return math_refuse(p->error, position(p), "%s expected, not byte 0x%02x", expected, c);
    return math_refuse(p->error, position(p), "%s expected, not '%c'", expected, c);
}

static struct math_node *add_node(struct parser *p, enum math_kind kind, size_t at)
{
    struct math_node *node = &p->m->nodes[p->m->n_nodes++];

    *node = (struct math_node){ .kind = kind, .position = at, .input = MATH_NONE };
    return node;
}

static const char *add_string(struct parser *p, size_t n)
{
    char *string = p->strings;

    memcpy(string, p->at, n);
    string[n] = '\0';
    p->strings += n + 1;
    return string;
}

/* --- operands --------------------------------------------------------------------------------- */

static int parse_number(struct parser *p, struct math_node **ret)
{
    struct math_node *node = add_node(p, MATH_NUMBER, position(p));
    struct slice digits = { p->at, 0 };
    const char *c = p->at;

    c += strspn(c, "0123456789.");
    if ((*c == 'e' || *c == 'E') && strspn(c + 1 + (c[1] == '-' || c[1] == '+'), "0123456789") > 0)
        for (c += 1 + (c[1] == '-' || c[1] == '+'); is_digit(*c);)
            c++;
    digits.size = (size_t)(c - p->at);
    if (text_to_double(digits, &node->number) != 0)
        return math_refuse(p->error, position(p), "this is not a number");
    p->at = c;
    *ret = node;
    return 0;
}

static int parse_text(struct parser *p, struct math_node **ret)
{
    struct math_node *node = add_node(p, MATH_TEXT, position(p));
    char quote = *p->at++;
    const char *end = strchr(p->at, quote);

    if (!end)
        return math_refuse(p->error, node->position, "the string does not end");
    node->text = add_string(p, (size_t)(end - p->at));
    p->at = end + 1;
    *ret = node;
    return 0;
}

static int parse_list(struct parser *p, struct math_node *node, char end)
{
    struct math_node **last = &node->first;
    int r;

    if (take(p, end))
        return 0;
    do {
        r = parse_expression(p, 0, last);
        if (r)
            return r;
        last = &(*last)->next;
    } while (take(p, ','));
    return take(p, end) ? 0 : unexpected(p, end == ')' ? "',' or ')'" : "',' or ']'");
}

static bool word_fits(char kind, const struct math_node *arg)
{
    static const char functions[] = " AVG MIN MAX SUM ", orders[] = " ASC DESC ",
                      fillers[] = " REPEAT LINEAR ";
    const char *words = kind == 'f' ? functions : kind == 'o' ? orders : fillers;
    const char *found = strstr(words, arg->text);

    return found && found[-1] == ' ' && found[strlen(arg->text)] == ' ';
}

/* Whether an argument's form is right; types are known when it is evaluated. */
static int check_form(struct parser *p, char kind, const struct math_node *arg)
{
    bool word = arg->kind == MATH_WORD, text = arg->kind == MATH_TEXT;

    if (kind == 'f' && !(word && word_fits(kind, arg)))
        return math_refuse(p->error, arg->position, "AVG, MIN, MAX or SUM expected");
    if (kind == 'o' && !(word && word_fits(kind, arg)))
        return math_refuse(p->error, arg->position, "ASC or DESC expected");
    if (kind == 'F' && word && !word_fits(kind, arg))
        return math_refuse(p->error, arg->position, "a value, REPEAT or LINEAR expected");
    if (kind == 'q' && !text)
        return math_refuse(p->error, arg->position, "a string expected");
    if (kind == 'n' && arg->kind != MATH_NUMBER)
        return math_refuse(p->error, arg->position, "a number expected");
    if (kind == 'p' && arg->kind != MATH_NAME)
        return math_refuse(p->error, arg->position, "the id of a metric expected");
    return 0;
}

static int check_args(struct parser *p, const struct math_node *call)
{
    const struct math_function *f = call->function;
    const struct math_node *arg = call->first;
    bool optional = false;
    int r = 0;

    for (const char *kind = f->args; !r && *kind; kind++) {
        if (*kind == '?') {
            optional = true;
            continue;
        }
        if (!arg)
            return optional
                       ? 0
                       : math_refuse(p->error, call->position, "%s needs more arguments", f->name);
        r = check_form(p, *kind, arg);
        arg = arg->next;
    }
    if (!r && arg)
        r = math_refuse(p->error, arg->position, "%s takes fewer arguments", f->name);
    return r;
}

/* A function's call, or a word that a function takes. */
static int parse_word(struct parser *p, struct math_node **ret)
{
    struct math_node *node = add_node(p, MATH_WORD, position(p));
    size_t n = 0;
    int r;

    while (is_name(p->at[n]))
        n++;
    node->text = add_string(p, n);
    p->at += n;
    *ret = node;
    if (strcmp(node->text, "SELECT") == 0)
        return math_refuse(p->error, node->position, "SELECT queries are not supported");
    if (!take(p, '('))
        return 0;
    if (math_function_elsewhere(node->text))
        return math_refuse(p->error, node->position, "Function '%.40s' is not supported",
                           node->text);
    node->kind = MATH_CALL;
    node->function = math_function_find(node->text);
    if (!node->function)
        return math_refuse(p->error, node->position, "Function '%.40s' not found", node->text);
    r = parse_list(p, node, ')');
    if (!r)
        r = check_args(p, node);
    return r || node->function->run != math_search ? r
                                                   : math_search_new(node, &node->search, p->error);
}

static void parse_name(struct parser *p, struct math_node **ret)
{
    struct math_node *node = add_node(p, MATH_NAME, position(p));
    size_t n = 0;

    while (is_name(p->at[n]))
        n++;
    node->text = add_string(p, n);
    p->at += n;
    *ret = node;
}

static int parse_operand(struct parser *p, struct math_node **ret)
{
    char c = peek(p);
    int r = 0;

    if (is_digit(c) || c == '.')
        return parse_number(p, ret);
    if (c == '"' || c == '\'')
        return parse_text(p, ret);
    if (is_upper(c))
        return parse_word(p, ret);
    if (take(p, '[')) {
        *ret = add_node(p, MATH_LIST, position(p) - 1);
        return parse_list(p, *ret, ']');
    }
    if (take(p, '(')) {
        r = parse_expression(p, 0, ret);
        return r || take(p, ')') ? r : unexpected(p, "an operator or ')'");
    }
    if (!is_lower(c))
        return unexpected(p, "a value");
    parse_name(p, ret);
    return 0;
}

/* --- operators -------------------------------------------------------------------------------- */

static int parse_unary(struct parser *p, struct math_node **ret)
{
    struct math_node *node;
    int r;

    if (++p->depth > MATH_DEPTH_MAX)
        return math_refuse(p->error, position(p), "this nests more than %d deep", MATH_DEPTH_MAX);
    if (take(p, '-')) {
        node = add_node(p, MATH_MINUS, position(p) - 1);
        r = parse_expression(p, MATH_PRECEDENCE_POWER, &node->first);
        *ret = node;
    } else {
        r = parse_operand(p, ret);
    }
    p->depth--;
    return r;
}

static const struct math_operator *peek_operator(struct parser *p, size_t *ret_n)
{
    peek(p);
    for (const struct math_operator *o = math_operators; o->text; o++) {
        const char *texts[] = { o->text, o->other };

        for (size_t i = 0; i < 2 && texts[i]; i++) {
            size_t n = strlen(texts[i]);

            if (strncmp(p->at, texts[i], n) == 0 && !(is_upper(*texts[i]) && is_name(p->at[n]))) {
                *ret_n = n;
                return o;
            }
        }
    }
    return NULL;
}

/* Operators that bind at least as tightly as @precedence. */
static int parse_expression(struct parser *p, unsigned precedence, struct math_node **ret)
{
    struct math_node *left = NULL;
    int r = parse_unary(p, &left);

    while (!r) {
        size_t n;
        const struct math_operator *o = peek_operator(p, &n);
        struct math_node *node;

        assert(left);
        if (!o || o->precedence < precedence)
            break;
        node = add_node(p, MATH_BINARY, position(p));
        node->operation = o;
        node->first = left;
        p->at += n;
        p->depth += o->right;
        r = parse_expression(p, o->precedence + !o->right, &left->next);
        p->depth -= o->right;
        left = node;
    }
    *ret = left;
    return r;
}

int math_parse(const char *text, struct math **ret, struct math_error *ret_error)
{
    size_t size = strlen(text);
    struct parser p = { .text = text, .at = text, .error = ret_error };
    autofree(math_free) struct math *m = NULL;
    struct math_node *root = NULL;
    int r;

    if (size > MATH_TEXT_MAX)
        return math_refuse(ret_error, MATH_TEXT_MAX + 1, "an expression has at most %d characters",
                           MATH_TEXT_MAX);
    m = calloc(1, sizeof(*m) + size * sizeof(*m->nodes) + 2 * size + 1);
    if (!m)
        return fault(-ENOMEM);
    m->strings = (char *)&m->nodes[size];
    p.m = m;
    p.strings = m->strings;
    r = parse_expression(&p, 0, &root);
    if (!r && peek(&p) != '\0')
        r = unexpected(&p, "an operator");
    if (r)
        return r;
    m->root = root;
    *ret = steal(m);
    return 0;
}
