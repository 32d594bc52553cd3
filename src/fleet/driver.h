/* fleet/driver.h: how instances come to be.
 *
 * A driver launches model servers that keep SageMaker's container contract, says when one is gone,
 * samples what they use, and stops them. It decides nothing: which instances should exist is
 * control's business. Instances outlive the program that launched them; what launch() puts into
 * struct driver_handle is stored by the caller and given to adopt() after a restart.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct driver;

/* What to run. All strings are borrowed for the call. */
struct instance_spec {
    const char *id; /* "i-" and 17 hex digits: unique for ever */
    const char *endpoint, *variant, *model;
    const char *image; /* "weir/xgboost:latest", "command:/path ..." or a configured name */
    const char *model_data_url; /* file://..., or NULL */
    const char *instance_type;  /* "ml.m5.large" */
    json_t *environment;        /* object of strings */
};

enum { DRIVER_HANDLE_BYTES = 128, DRIVER_ADDRESS_BYTES = 128 };

/* Identifies a running instance across restarts of weir. */
struct driver_handle {
    char text[DRIVER_HANDLE_BYTES];     /* the driver's own: "pid:starttime", a container id ... */
    char address[DRIVER_ADDRESS_BYTES]; /* where it answers: "127.0.0.1:4711" */
};

struct instance_usage {
    double cpu_percent;    /* since the last sample: 100 is one core busy */
    uint64_t memory_bytes; /* resident now */
};

/* Told on the loop's thread, never from inside a driver call. */
struct driver_events {
    /* the instance's process is gone. @why: a sentence with exit code or signal and the log's last
     * lines */
    void (*gone)(void *context, const char *id, const char *why);
    void *context;
};

struct driver_ops {
    const char *name;
    int (*launch)(struct driver *d, const struct instance_spec *spec,
                  struct driver_handle *ret_handle, char **ret_why);
    int (*adopt)(struct driver *d, const char *id, const struct driver_handle *handle);
    int (*terminate)(struct driver *d, const char *id);
    int (*kill)(struct driver *d, const char *id);
    int (*usage)(struct driver *d, const char *id, struct instance_usage *ret_usage);
    bool (*local_address)(struct driver *d, const char *id, char ret_address[DRIVER_ADDRESS_BYTES]);
    char *(*log_tail)(struct driver *d, const char *id, unsigned lines);
    void (*free)(struct driver *d);
};

struct driver {
    const struct driver_ops *ops;
};

enum {
    DRIVER_E_REFUSED = 1, /* the spec cannot run here (unknown image ...): *ret_why says why */
    DRIVER_E_GONE,        /* adopt: no such instance is running any more */
    DRIVER_E_UNKNOWN,     /* no instance of that id */
};

/** driver_launch() - start an instance; it answers /ping some time later, or gone() is told.
 * @ret_why: with DRIVER_E_REFUSED, to free(). Return: 0, DRIVER_E_REFUSED, or a negative errno. */
int driver_launch(struct driver *d, const struct instance_spec *spec,
                  struct driver_handle *ret_handle, char **ret_why);
/** driver_adopt() - take over one that an earlier run launched. Return: 0, DRIVER_E_GONE
 * or a negative errno. */
int driver_adopt(struct driver *d, const char *id, const struct driver_handle *handle);
/** driver_terminate() - SIGTERM now, SIGKILL 30 s later; gone() tells the end. Twice is fine. */
int driver_terminate(struct driver *d, const char *id);
/** driver_kill() - SIGKILL now; gone() tells the end */
int driver_kill(struct driver *d, const char *id);
int driver_usage(struct driver *d, const char *id, struct instance_usage *ret_usage);
/** driver_local_address() - where it answers as well, at less cost: "unix:/path" of this machine.
 * Return: false if it has no such place, or not yet. */
bool driver_local_address(struct driver *d, const char *id, char ret_address[DRIVER_ADDRESS_BYTES]);
/** driver_log_tail() - its last @lines lines of output, to free(); NULL if there are none */
char *driver_log_tail(struct driver *d, const char *id, unsigned lines);
/** driver_free() - instances keep running */
struct driver *driver_free(struct driver *d);
DEFINE_AUTOFREE(struct driver *, driver_free)
