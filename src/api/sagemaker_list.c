/* List operations: filters, order and pages, the same for models, configurations and endpoints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/sagemaker.h"
#include "base/error.h"

enum { PAGE_DEFAULT = 10 };

struct item {
    json_t *value; /* borrowed */
};

struct order {
    const char *member; /* sorted by this */
    const char *name;   /* and by this where that is equal */
    int sign;           /* -1: descending */
};

static double number(json_t *item, const char *member)
{
    return json_number_value(json_object_get(item, member));
}

static const char *text(json_t *item, const char *member)
{
    const char *t = json_string_value(json_object_get(item, member));

    return t ? t : "";
}

/* After includes its moment, Before does not. */
static bool in_time(const struct api_call *call, json_t *item, const char *member,
                    const char *before, const char *after)
{
    double t = number(item, member);

    return t < input_number(call, before, 1e300) && t >= input_number(call, after, -1e300);
}

static bool wanted(const struct api_call *call, json_t *item, const char *name)
{
    const char *contains = input_text(call, "NameContains");
    const char *status = input_text(call, "StatusEquals");

    if (contains && !strcasestr(text(item, name), contains))
        return false;
    if (status && strcmp(text(item, "EndpointStatus"), status) != 0)
        return false;
    return in_time(call, item, "CreationTime", "CreationTimeBefore", "CreationTimeAfter") &&
           in_time(call, item, "LastModifiedTime", "LastModifiedTimeBefore",
                   "LastModifiedTimeAfter");
}

static int compare(const void *a, const void *b, void *context)
{
    json_t *x = ((const struct item *)a)->value, *y = ((const struct item *)b)->value;
    const struct order *order = context;
    int c = strcmp(text(x, order->member), text(y, order->member));

    if (c == 0) {
        double p = number(x, order->member), q = number(y, order->member);

        c = p < q ? -1 : p > q;
    }
    if (c == 0)
        c = strcmp(text(x, order->name), text(y, order->name));
    return order->sign < 0 ? -c : c;
}

/* The wanted ones of @items, in order. Return: a new array, or NULL if no memory. */
static json_t *pick(const struct api_call *call, json_t *items, const struct order *order)
{
    size_t size = json_array_size(items), n = 0;
    autofree(mem_free) struct item *kept = calloc(size ? size : 1, sizeof(*kept));
    json_t *selected = json_array();

    for (size_t i = 0; kept && i < size; i++)
        if (wanted(call, json_array_get(items, i), order->name))
            kept[n++].value = json_array_get(items, i);
    if (kept)
        qsort_r(kept, n, sizeof(*kept), compare, (void *)order);
    for (size_t i = 0; selected && i < n; i++) {
        if (json_array_append(selected, kept[i].value)) {
            json_decref(selected);
            return NULL;
        }
    }
    if (!kept) {
        json_decref(selected);
        return NULL;
    }
    return selected;
}

int sagemaker_list(struct api_call *call, const char *list, json_t *items, const char *name)
{
    const char *by = input_text(call, "SortBy");
    const char *direction = input_text(call, "SortOrder");
    struct order order = { .member = "CreationTime", .name = name, .sign = -1 };
    json_t *selected;

    if (!items)
        return fault(-ENOMEM);
    if (by && strcmp(by, "Name") == 0)
        order.member = name;
    else if (by && strcmp(by, "Status") == 0)
        order.member = "EndpointStatus";
    if (direction && strcmp(direction, "Ascending") == 0)
        order.sign = 1;

    selected = pick(call, items, &order);
    json_decref(items);
    return api_page(call, list, selected, name,
                    (size_t)input_integer(call, "MaxResults", PAGE_DEFAULT));
}
