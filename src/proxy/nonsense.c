#include "proxy/nonsense.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SAY_MS = 10000 };

static struct nonsense_note *find(struct nonsense *n, const char *group, const char *target)
{
    for (unsigned i = 0; i < n->n; i++)
        if (strcmp(n->notes[i].target, target) == 0 && strcmp(n->notes[i].group, group) == 0)
            return &n->notes[i];
    return NULL;
}

static void count(struct nonsense *n, const struct nonsense_note *news)
{
    struct nonsense_note *note = find(n, news->group, news->target);

    if (note) {
        note->answers += news->answers;
    } else if (n->n < NONSENSE_TARGETS_MAX) {
        n->notes[n->n++] = *news;
    } else {
        n->others += news->answers;
    }
}

void nonsense_add(struct nonsense *n, const struct target *t, const char *why)
{
    struct nonsense_note note = { .target = "control", .answers = 1 };

    snprintf(note.why, sizeof(note.why), "%s", why);
    if (t) {
        memcpy(note.group, t->group, sizeof(note.group));
        memcpy(note.target, t->id, sizeof(note.target));
        address_text(&t->address, note.address);
    }
    count(n, &note);
}

void nonsense_move(struct nonsense *to, struct nonsense *from)
{
    for (unsigned i = 0; i < from->n; i++)
        count(to, &from->notes[i]);
    to->others += from->others;
    from->n = 0;
    from->others = 0;
}

void nonsense_say(struct nonsense *n, struct log *log, ms_t now)
{
    if (n->n == 0 || (n->said_at && now - n->said_at < SAY_MS))
        return;
    for (unsigned i = 0; i < n->n; i++) {
        const struct nonsense_note *note = &n->notes[i];

        log_warn(log, "answers are not valid HTTP",
                 "group=%s target=%s address=%s why=\"%s\" answers=%" PRIu64, note->group,
                 note->target, note->address, note->why, note->answers);
    }
    if (n->others)
        log_warn(log, "answers of more targets are not valid HTTP", "answers=%" PRIu64, n->others);
    n->n = 0;
    n->others = 0;
    n->said_at = now;
}
