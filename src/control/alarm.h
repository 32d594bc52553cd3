/* control/alarm.h: one alarm: what it was told to watch, and how it stands.
 *
 * An alarm is of a metric (or of metric math), or a composite of others. Its configuration is kept
 * as PutMetricAlarm or PutCompositeAlarm gave it, to echo, and in the form that src/scaling judges
 * by. A managed alarm belongs to a scaling policy, which judges it by its own rules and tells it its
 * state; everything else is the same for all. The whole of it is a document under "/alarms/NAME".
 */
#pragma once
#include "base/list.h"
#include "control/alarm_watch.h"
#include "control/changes.h"
#include "control/control.h"
#include "scaling/alarm.h"
#include "scaling/composite.h"
#include "scaling/suppression.h"

enum {
    ALARM_NAME_CHARS_MAX = 255,
    ALARM_NAME_BYTES = 4 * ALARM_NAME_CHARS_MAX + 1, /* UTF-8 */
    ALARM_ARN_BYTES = ALARM_NAME_BYTES + 128,
    ALARM_PATH_BYTES = ALARM_NAME_BYTES + 16,
};

enum {
    ALARM_E_CONFIGURATION = 200, /* *ret_why says what is wrong with it */
};

enum alarm_kind { ALARM_OF_METRIC, ALARM_COMPOSITE };

struct alarm {
    struct alarm_book *book;
    char *name;
    enum alarm_kind kind;
    bool managed, claimed; /* claimed: by the policy that it belongs to */
    bool hidden;           /* a managed one that somebody deleted: kept for its policy to know */
    bool actions_enabled;
    json_t *configuration; /* its members as given, tags apart, with the lists that were left out */
    wall_ms_t configured;

    enum alarm_state state;
    char *reason, *reason_data; /* reason_data may be NULL */
    wall_ms_t updated, transitioned;
    bool failed; /* its metric math could not be computed when last tried */

    /* of a metric */
    struct alarm_rule rule;
    struct alarm_watch *watch;
    bool ignores_low_samples;
    wall_ms_t judged; /* end of the newest period judged; 0: not since it was loaded or changed */
    wall_ms_t acted;  /* when its scaling actions were last told */

    /* a composite */
    struct composite *composite;
    const char *suppressor; /* name or ARN; NULL: none */
    ms_t wait_ms, extension_ms;
    struct suppression suppression;
    unsigned mark; /* of the last walk that came by */

    /* actions that are to run once its state is in the store */
    struct list_link pending;
    bool repeat;
    enum alarm_state from;
    double *points; /* what the state follows from: recentDatapoints; owned */
    size_t n_points;
    wall_ms_t queried;
};

/**
 * alarm_new() - an alarm in INSUFFICIENT_DATA, in no book yet
 * @configuration: of the right shape; a reference is kept
 * @ret_why:       with ALARM_E_CONFIGURATION, a sentence
 *
 * Return: 0, ALARM_E_CONFIGURATION or -errno.
 */
int alarm_new(struct control *c, enum alarm_kind kind, json_t *configuration, wall_ms_t now,
              struct alarm **ret, char ret_why[ALARM_WATCH_WHY_BYTES]);
struct alarm *alarm_free(struct alarm *a);
DEFINE_AUTOFREE(struct alarm *, alarm_free)

/** alarm_load() - from a stored document. Return: 0 or -errno. */
int alarm_load(struct control *c, json_t *document, struct alarm **ret);
/** alarm_document() - as stored; a new reference, NULL if no memory */
json_t *alarm_document(const struct alarm *a);
/** alarm_describe() - the members of AWS's MetricAlarm or CompositeAlarm; as alarm_document() */
json_t *alarm_describe(const struct control *c, const struct alarm *a);
int alarm_save(const struct alarm *a, struct changes *changes);

void alarm_path(const char *name, char ret_path[ALARM_PATH_BYTES]);
void alarm_arn(const struct control *c, const char *name, char ret_arn[ALARM_ARN_BYTES]);
/** alarm_actions() - the ARNs and URLs that go with @state; borrowed, an array */
json_t *alarm_actions(const struct alarm *a, enum alarm_state state);

/** alarm_set_points() - what the next actions are told; copied. Return: 0 or -ENOMEM. */
int alarm_set_points(struct alarm *a, const double *points, size_t n, wall_ms_t queried);
/** alarm_inherit() - the state of @old, which @a takes the place of */
void alarm_inherit(struct alarm *a, struct alarm *old);
