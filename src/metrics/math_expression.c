#include "metrics/math_expression.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "metrics/math_tree.h"

void math_tell(struct math_error *error, size_t position, const char *format, ...)
{
    va_list args;

    error->position = position;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
}

struct math *math_free(struct math *m)
{
    for (size_t i = 0; m && i < m->n_nodes; i++)
        math_search_free(m->nodes[i].search);
    free(m);
    return NULL;
}

int math_bind(struct math *m, size_t (*find)(const void *context, const char *id),
              const void *context, struct math_error *ret_error)
{
    for (size_t i = 0; i < m->n_nodes; i++) {
        struct math_node *node = &m->nodes[i];

        if (node->kind != MATH_NAME)
            continue;
        node->input = find(context, node->text);
        if (node->input == MATH_NONE)
            return math_refuse(ret_error, node->position, "there is no query with the id '%.60s'",
                               node->text);
    }
    return 0;
}

size_t math_next_input(const struct math *m, size_t *cursor)
{
    while (*cursor < m->n_nodes) {
        const struct math_node *node = &m->nodes[(*cursor)++];

        if (node->kind == MATH_NAME)
            return node->input;
    }
    return MATH_NONE;
}

const struct math_search *math_next_search(const struct math *m, size_t *cursor)
{
    while (*cursor < m->n_nodes) {
        const struct math_node *node = &m->nodes[(*cursor)++];

        if (node->search)
            return node->search;
    }
    return NULL;
}

bool math_uses_metrics(const struct math *m)
{
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].kind == MATH_CALL && m->nodes[i].function->run == math_metrics)
            return true;
    return false;
}

/* --- the arena -------------------------------------------------------------------------------- */

struct math_block {
    struct math_block *next;
    max_align_t bytes[];
};

void math_arena_deinit(struct math_arena *a)
{
    while (a->blocks) {
        struct math_block *block = a->blocks;

        a->blocks = block->next;
        free(block);
    }
}

int math_alloc(struct math_arena *a, size_t n, size_t size, void **ret)
{
    struct math_block *block;
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(*block), &bytes) || bytes > a->bytes_left)
        return MATH_E_LIMIT;
    block = calloc(1, bytes);
    if (!block)
        return fault(-ENOMEM);
    a->bytes_left -= bytes;
    block->next = a->blocks;
    a->blocks = block;
    *ret = block->bytes;
    return 0;
}

const char *math_type_text(enum math_type type)
{
    return type == MATH_SCALAR   ? "a scalar"
           : type == MATH_SERIES ? "a time series"
                                 : "an array of time series";
}
