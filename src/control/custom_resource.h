/* control/custom_resource.h: capacities that are behind somebody's URL.
 *
 * AWS calls them custom resources: GET of the URL tells desired and actual capacity, PATCH with
 * {"desiredCapacity": n} asks for another one (custom_resource_answer.h). Each is asked every few
 * seconds, every second while a change is under way, and ever more rarely while it does not answer.
 * One request at a time goes to each, and a bounded number to all; nothing waits for them: what was
 * heard last is what is seen.
 *
 *   wanted --PATCH--> 2xx: set;  408, 429, 5xx, no answer: again, three times in all;  else refused
 */
#pragma once
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "control/backoff.h"
#include "control/custom_resource_answer.h"
#include "net/courier.h"

enum {
    CUSTOM_RESOURCE_UNDER_WAY_MAX = 32, /* requests, to all together */
    CUSTOM_RESOURCE_TIMEOUT_MS = 10000,
    CUSTOM_RESOURCE_IDLE_MS = 5000, /* between two GETs */
    CUSTOM_RESOURCE_BUSY_MS = 1000, /* while a change is under way */
    CUSTOM_RESOURCE_TRIES = 3,      /* of a PATCH */
    CUSTOM_RESOURCE_WHY_BYTES = 384,
};

struct custom_resource {
    struct list_link link;
    struct custom_resources *all;
    char *url;

    /* heard */
    bool known;
    struct custom_resource_answer answer;
    char trouble[CUSTOM_RESOURCE_WHY_BYTES]; /* why it could not be asked lately; "": it could */
    char refusal[CUSTOM_RESOURCE_WHY_BYTES]; /* of the newest change; "": it was not refused */
    int refused;                             /* that it was to */

    /* asked */
    int wanted; /* -1: what it has */
    bool under_way, patching;
    int sent; /* while patching */
    unsigned tries;
    ms_t next; /* when to ask again */
    struct backoff backoff;
};

struct custom_resources {
    struct loop *loop;
    struct log *log;
    struct courier *courier; /* NULL: nobody can be asked */
    struct list list;        /* struct custom_resource */
    unsigned n_under_way;
};

void custom_resources_init(struct custom_resources *all, struct loop *loop, struct log *log,
                           struct courier *courier);
/** custom_resources_deinit() - what is under way is given up */
void custom_resources_deinit(struct custom_resources *all);
/** custom_resources_tick() - ask whom it is time to ask; call once a second */
void custom_resources_tick(struct custom_resources *all);

/** custom_resource_url_valid() - http or https, a host, and nothing that hides where it leads
 * @ret_why: a constant */
bool custom_resource_url_valid(const char *url, const char **ret_why);
/** custom_resource_watch() - ask it from now on. Return: 0 or -ENOMEM. */
int custom_resource_watch(struct custom_resources *all, const char *url);
/** custom_resource_forget() - no more; what it is asked just now has no effect here */
void custom_resource_forget(struct custom_resources *all, const char *url);
/** custom_resource_find() - NULL if it is not watched */
struct custom_resource *custom_resource_find(const struct custom_resources *all, const char *url);
/** custom_resource_set() - ask it for @capacity; newer wishes replace older ones */
void custom_resource_set(struct custom_resource *r, int capacity);
