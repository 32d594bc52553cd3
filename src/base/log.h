/* base/log.h: a line is an event and its facts.
 *
 *     log_warn(log, "target unhealthy", "group=%s target=%s after_ms=%" PRId64, ...);
 *
 * Text form:  2026-01-02T03:04:05.678Z warn control: target unhealthy group=a target=b after_ms=2
 * JSON form:  {"time":"...","level":"warn","program":"control","event":"target
 * unhealthy","group":"a",...} In the format string facts are `key=%conversion`, separated by single
 * spaces; a value that may hold spaces is written as `key=\"%s\"`. Library code returns errors,
 * programs log. The log is passed, not global. Secrets and bodies stay out.
 */
#pragma once
#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    int fd; /* borrowed; one write() per line, so lines of several programs never mix */
    enum log_level level; /* lines below this are not written */
    enum log_format format;
    const char *program; /* borrowed */
    struct clock *clock; /* borrowed */
};

#define log_debug(log, event, ...) log_write((log), LOG_DEBUG, (event), "" __VA_ARGS__)
#define log_info(log, event, ...)  log_write((log), LOG_INFO, (event), "" __VA_ARGS__)
#define log_warn(log, event, ...)  log_write((log), LOG_WARN, (event), "" __VA_ARGS__)
#define log_error(log, event, ...) log_write((log), LOG_ERROR, (event), "" __VA_ARGS__)

/**
 * log_write() - write one line; use the macros
 * @log:   NULL writes nothing, which suits tests
 * @event: what happened, a constant phrase
 * @facts: printf format of `key=value` facts, may be ""
 *
 * Lines are cut at 4096 bytes. Control characters are escaped. Never fails, never blocks on memory.
 */
void log_write(struct log *log, enum log_level level, const char *event, const char *facts, ...)
    __attribute__((format(printf, 4, 5)));

/** log_level_parse() - "debug", "info", "warn" or "error". Return: 0, or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);
