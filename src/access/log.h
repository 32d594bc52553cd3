/* access/log.h: the thread that writes down which requests were served.
 *
 * Workers put records into rings (ring.h), one each, and never wait; the thread looks into
 * them several times a second, or when one fills, and writes lines in large pieces. What does not
 * fit, or cannot be written, is counted, and the count is logged. Off unless asked for.
 */
#pragma once
#include "access/line.h"
#include "access/ring.h"
#include "base/cleanup.h"
#include "base/log.h"

struct access_log_settings {
    const char *path; /* appended to; NULL: no access log, but slow requests are logged */
    int fd;           /* instead of a path; -1: none. Borrowed. */
    enum access_format format;
    ms_t slow_ms; /* requests that took longer go to @log as well; 0: none do */
    size_t n_workers;
    struct log *log;
};

struct access_log;

/** access_log_new() - open the file and start the thread. Return: 0 or a negative errno. */
int access_log_new(const struct access_log_settings *settings, struct access_log **ret_log);
/** access_log_free() - writes what is there; workers must have ended */
struct access_log *access_log_free(struct access_log *l);
DEFINE_AUTOFREE(struct access_log *, access_log_free)

/** access_log_reopen() - go on in a new file of the same name; any thread */
void access_log_reopen(struct access_log *l);

/* --- for workers ------------------------------------------------------------------------------ */

struct access_ring *access_log_ring(struct access_log *l, size_t worker);
/** access_log_wake() - the ring is filling: look into it now */
void access_log_wake(struct access_log *l);
static inline bool access_log_is_slow(const struct access_log_settings *s, us_t us)
{
    return s->slow_ms > 0 && us > s->slow_ms * 1000;
}
const struct access_log_settings *access_log_settings(const struct access_log *l);
