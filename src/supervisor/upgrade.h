/* supervisor/upgrade.h: put another version of weir in the place of the one that runs.
 *
 * A second proxy is started from the new file, on the same listening sockets: both accept. When it
 * serves, control ends without its instances, and the new one, which adopts them, is waited for;
 * meanwhile API calls wait in the proxies. Only then the old proxy is told that another one has
 * taken its place: it accepts nothing more, says `Connection: close` with its next answers, and
 * ends with its last connection. Up to there everything can be undone: if a new program ends, or
 * does not serve in time, the old control is started again and the new proxy drains.
 *
 * The supervisor itself stays what it was. It could run the new file in its own place, too, but
 * there is no way back from that, and all sockets and processes hang on it. It knows no more than
 * command lines and signals, so what it starts may be newer than itself: `weir control` and
 * `weir proxy` go on to understand the options that they had. Its own code changes with a restart.
 */
#pragma once
#include "supervisor/programs.h"
#include "supervisor/ready.h"

enum { UPGRADE_RETIRED_MAX = 8 /* proxies that may be draining when another upgrade begins */ };

enum upgrade_step {
    UPGRADE_IDLE,
    UPGRADE_PROXY,       /* the new proxy is starting */
    UPGRADE_OLD_CONTROL, /* the old control is ending */
    UPGRADE_CONTROL,     /* the new control is starting */
    UPGRADE_BACK,        /* the new control has failed, and is ending */
};

struct upgrade_events {
    void (*said)(const char *what, void *context); /* how it goes on */
    /* It is over. @good: the new version serves; else the old one does, and @why tells. */
    void (*over)(bool good, const char *why, void *context);
    void *context;
};

struct upgrade {
    struct programs *programs;
    struct upgrade_events events;
    enum upgrade_step step;
    struct binary binary; /* the new one */
    struct child *proxy, *control;
    struct ready ready;
    struct loop_timer deadline;
    const char *why;
};

void upgrade_init(struct upgrade *u, struct loop *loop, struct programs *p,
                  const struct upgrade_events *events);
/** upgrade_deinit() - kills what is half way in */
void upgrade_deinit(struct upgrade *u);

/** upgrade_begin() - to the file @path; events->over() is called, maybe from inside
 * Not while another one is under way. */
void upgrade_begin(struct upgrade *u, const char *path);
/** upgrade_hurry() - we are to stop: give up where that is quick */
void upgrade_hurry(struct upgrade *u);

static inline bool upgrade_is_under_way(const struct upgrade *u)
{
    return u->step != UPGRADE_IDLE;
}

/** upgrade_has() - whether @pid is one of the new programs */
bool upgrade_has(const struct upgrade *u, pid_t pid);
