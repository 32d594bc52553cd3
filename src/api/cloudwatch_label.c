#include "api/cloudwatch_label.h"

#include <string.h>

#include "base/buffer.h"

enum { LABEL_BYTES = 4096 };

static bool same_dimensions(const struct metric_name *a, const struct metric_name *b)
{
    if (a->n_dimensions != b->n_dimensions)
        return false;
    for (size_t i = 0; i < a->n_dimensions; i++)
        if (strcmp(a->dimensions[i].name, b->dimensions[i].name) != 0 ||
            strcmp(a->dimensions[i].value, b->dimensions[i].value) != 0)
            return false;
    return true;
}

void cloudwatch_differ(struct cloudwatch_differences *d, const struct metric_name *a,
                       const struct metric_name *b)
{
    d->namespaces |= strcmp(a->namespace, b->namespace) != 0;
    d->dimensions |= !same_dimensions(a, b);
}

json_t *cloudwatch_label(const struct metric_name *name, const char *statistic, unsigned period_s,
                         struct cloudwatch_differences d)
{
    autobuffer struct buffer label = BUFFER_INIT(LABEL_BYTES);
    int r = 0;

    if (d.namespaces)
        r = buffer_printf(&label, "%s ", name->namespace);
    for (size_t i = 0; !r && d.dimensions && i < name->n_dimensions; i++)
        r = buffer_printf(&label, "%s ", name->dimensions[i].value);
    if (!r)
        r = buffer_puts(&label, name->name);
    if (!r && d.statistics)
        r = buffer_printf(&label, " %s", statistic);
    if (!r && d.periods)
        r = buffer_printf(&label, " %u", period_s);
    if (r) /* too long to be of use */
        return json_string(name->name);
    return json_stringn(buffer_data(&label), buffer_size(&label));
}
