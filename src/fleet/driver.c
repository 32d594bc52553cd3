#include "fleet/driver.h"

#include <assert.h>

int driver_launch(struct driver *d, const struct instance_spec *spec,
                  struct driver_handle *ret_handle, char **ret_why)
{
    assert(spec->id && spec->image && spec->instance_type);
    *ret_why = NULL;
    return d->ops->launch(d, spec, ret_handle, ret_why);
}

int driver_adopt(struct driver *d, const char *id, const struct driver_handle *handle)
{
    return d->ops->adopt(d, id, handle);
}

int driver_terminate(struct driver *d, const char *id)
{
    return d->ops->terminate(d, id);
}

int driver_kill(struct driver *d, const char *id)
{
    return d->ops->kill(d, id);
}

int driver_usage(struct driver *d, const char *id, struct instance_usage *ret_usage)
{
    return d->ops->usage(d, id, ret_usage);
}

bool driver_local_address(struct driver *d, const char *id, char ret_address[DRIVER_ADDRESS_BYTES])
{
    return d->ops->local_address(d, id, ret_address);
}

char *driver_log_tail(struct driver *d, const char *id, unsigned lines)
{
    return d->ops->log_tail(d, id, lines);
}

struct driver *driver_free(struct driver *d)
{
    if (d)
        d->ops->free(d);
    return NULL;
}
