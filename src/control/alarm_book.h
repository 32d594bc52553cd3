/* control/alarm_book.h: CloudWatch alarms: all of them, how they are judged, and what they set off.
 *
 * Each second the alarms whose time has come are judged: those of metrics by src/scaling/alarm.h,
 * composites by the states of others. What changed is written in one transaction, with history, and
 * then acted on: webhooks once, scaling policies (alarm_action.h) again each minute for as long as
 * the state stays. alarm_book.c keeps the alarms, alarm_judge.c judges metrics, alarm_state.c takes
 * care of what follows from a new state, alarm_notify.c runs actions.
 *
 *   period < 60 s: judged each 10 s; else each minute; windows of more than a day each hour
 *
 * Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms".
 */
#pragma once
#include "control/alarm.h"
#include "control/alarm_action.h"
#include "control/alarm_history.h"
#include "control/webhook.h"

enum { ALARMS_MAX = 5000 };

enum {
    ALARM_BOOK_E_LIMIT = 220,   /* ALARMS_MAX */
    ALARM_BOOK_E_KIND,          /* an alarm of the other kind has this name */
    ALARM_BOOK_E_MANAGED,       /* it belongs to a scaling policy, deleted or not */
    ALARM_BOOK_E_NO_CHILD,      /* *ret_why: names of alarms that there are none of */
    ALARM_BOOK_E_CYCLE,         /* a composite would depend on itself */
    ALARM_BOOK_E_NO_SUPPRESSOR, /* there is no such alarm */
};

struct alarm_book {
    struct control *control;
    struct map alarms; /* name -> struct alarm */
    struct alarm_history history;
    struct changes changes;
    struct webhooks *webhooks; /* NULL: messages to URLs fail */
    alarm_act_fn *act;
    void *actor;
    struct list pending; /* alarms with actions to run, in the order of their changes */
    bool stale;          /* a state or a rule changed since composites were judged */
    unsigned mark;
};

/** alarm_book_new() - with the alarms of @c's store. @courier: borrowed; NULL: no webhooks.
 * Return: 0 or -errno. */
int alarm_book_new(struct control *c, struct courier *courier, struct alarm_book **ret);
struct alarm_book *alarm_book_free(struct alarm_book *book);
DEFINE_AUTOFREE(struct alarm_book *, alarm_book_free)

/** alarm_book_tick() - judge and act; call once a second. Return: 0, or -errno if the store
 * failed. */
int alarm_book_tick(struct alarm_book *book, wall_ms_t now);

/** alarm_book_find() - NULL if there is none */
struct alarm *alarm_book_find(const struct alarm_book *book, const char *name);
/** alarm_book_resolve() - by name or ARN */
struct alarm *alarm_book_resolve(const struct alarm_book *book, const char *name_or_arn);
/** alarm_book_sorted() - all of them by name: an array to free(), NULL-terminated; NULL if no memory */
struct alarm **alarm_book_sorted(const struct alarm_book *book);
/** alarm_names_child() - whether composite @a's rule names @child */
bool alarm_names_child(const struct alarm *a, const struct alarm *child);

/* --- what the API does ------------------------------------------------------------------------ */

/**
 * alarm_book_put() - make or replace; who is replaced keeps its state
 * @configuration: as of alarm_new(); @tags: of a new one, may be NULL
 *
 * Return: 0, ALARM_E_CONFIGURATION, an outcome above, or -errno.
 */
int alarm_book_put(struct alarm_book *book, enum alarm_kind kind, json_t *configuration,
                   json_t *tags, char ret_why[ALARM_WATCH_WHY_BYTES]);
/** alarm_book_delete() - @alarms are gone afterwards, and nothing was done if it fails */
int alarm_book_delete(struct alarm_book *book, struct alarm *const *alarms, size_t n);
/** alarm_book_enable() - let their actions run, or not */
int alarm_book_enable(struct alarm_book *book, struct alarm *const *alarms, size_t n, bool enabled);
/** alarm_book_set_state() - as SetAlarmState: what follows is done before this returns
 * @data: StateReasonData, JSON or NULL */
int alarm_book_set_state(struct alarm *a, enum alarm_state state, const char *reason,
                         const char *data);

/* --- managed alarms --------------------------------------------------------------------------- */

/** alarm_book_claim() - there is a managed alarm as @configuration has it, unless somebody deleted
 * the one of this name. Its state stays. Written with what is written next. Return: 0 or -errno. */
int alarm_book_claim(struct alarm_book *book, json_t *configuration);
/** alarm_book_release() - its policy is gone: so is the alarm. Return: 0 or -errno. */
int alarm_book_release(struct alarm_book *book, const char *name);
/** alarm_book_sweep() - policies are loaded: managed alarms that none claimed go. Return: 0 or
 * -errno. */
int alarm_book_sweep(struct alarm_book *book);

/* --- among the book's files ------------------------------------------------------------------- */

/** alarm_judge_due() - judge the alarms of metrics whose time has come. Return: 0 or -errno. */
int alarm_judge_due(struct alarm_book *book, wall_ms_t now);

/** alarm_change() - @a's state is @state from now on; same ones change nothing
 * @data: may be NULL. Return: 0 or -errno. */
int alarm_change(struct alarm *a, enum alarm_state state, const char *reason, const char *data,
                 wall_ms_t now);
/** alarm_repeat() - tell its scaling actions again */
void alarm_repeat(struct alarm *a);
/** alarm_settle() - judge composites, write, run actions. Return: 0 or -errno. */
int alarm_settle(struct alarm_book *book, wall_ms_t now);

bool alarm_action_is_policy(const char *action);
bool alarm_action_is_url(const char *action);
/** alarm_notify() - run the actions of its state; history is noted. Return: 0 or
 * -errno. */
int alarm_notify(struct alarm *a, wall_ms_t now);
