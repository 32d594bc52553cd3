#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/math_tree.h"

static int print(const struct math_node *node, struct buffer *out);

/* The fewest digits that read back as the same number. */
static int print_number(double number, struct buffer *out)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (!(fabs(strtod(text, NULL) - number) > 0))
            break;
    }
    return buffer_puts(out, text);
}

static unsigned precedence(const struct math_node *node)
{
    return node->kind == MATH_BINARY  ? node->operation->precedence
           : node->kind == MATH_MINUS ? MATH_PRECEDENCE_UNARY
                                      : MATH_PRECEDENCE_OPERAND;
}

static int print_bracketed(const struct math_node *node, bool bracketed, struct buffer *out)
{
    int r = bracketed ? buffer_puts(out, "(") : 0;

    if (!r)
        r = print(node, out);
    if (!r && bracketed)
        r = buffer_puts(out, ")");
    return r;
}

static int print_binary(const struct math_node *node, struct buffer *out)
{
    const struct math_operator *o = node->operation;
    const struct math_node *left = node->first, *right = left->next;
    int r;

    r = print_bracketed(left, precedence(left) < o->precedence + o->right, out);
    if (!r)
        r = buffer_printf(out, " %s ", o->text);
    /* a sign may stand to the right of any operator */
    if (!r)
        r = print_bracketed(
            right, right->kind != MATH_MINUS && precedence(right) < o->precedence + !o->right, out);
    return r;
}

static int print_list(const struct math_node *node, const char *open, const char *close,
                      struct buffer *out)
{
    int r = buffer_puts(out, open);

    for (const struct math_node *n = node->first; !r && n; n = n->next) {
        r = print(n, out);
        if (!r && n->next)
            r = buffer_puts(out, ", ");
    }
    return r ? r : buffer_puts(out, close);
}

static int print(const struct math_node *node, struct buffer *out)
{
    int r;

    switch (node->kind) {
    case MATH_NUMBER:
        return print_number(node->number, out);
    case MATH_TEXT:
        return buffer_printf(out, strchr(node->text, '"') ? "'%s'" : "\"%s\"", node->text);
    case MATH_NAME:
    case MATH_WORD:
        return buffer_puts(out, node->text);
    case MATH_MINUS:
        r = buffer_puts(out, "-");
        return r ? r
                 : print_bracketed(node->first, precedence(node->first) < MATH_PRECEDENCE_UNARY,
                                   out);
    case MATH_BINARY:
        return print_binary(node, out);
    case MATH_CALL:
        r = buffer_puts(out, node->function->name);
        return r ? r : print_list(node, "(", ")", out);
    case MATH_LIST:
        return print_list(node, "[", "]", out);
    }
    abort();
}

int math_print(const struct math *m, struct buffer *out)
{
    return print(m->root, out);
}
