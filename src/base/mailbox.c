#include "base/mailbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "base/error.h"

static void deliver_all(struct mailbox *box)
{
    struct list taken;
    struct mail *m;

    list_init(&taken);
    pthread_mutex_lock(&box->lock);
    list_move(&box->waiting, &taken);
    pthread_mutex_unlock(&box->lock);

    while ((m = list_first_entry(&taken, struct mail, link))) {
        list_remove(&m->link);
        box->deliver(box, m);
    }
}

static void ready(struct loop_io *io, unsigned events)
{
    struct mailbox *box = container_of(io, struct mailbox, io);
    uint64_t wakes;

    (void)events;
    /* Read before the mail is taken: a post in between wakes us once too often, never too rarely.
     */
    if (read(box->event_fd, &wakes, sizeof(wakes)) == (ssize_t)sizeof(wakes))
        deliver_all(box);
}

int mailbox_init(struct mailbox *box, struct loop *loop,
                 void (*deliver)(struct mailbox *box, struct mail *mail))
{
    int r;

    *box = (struct mailbox){ .deliver = deliver };
    list_init(&box->waiting);
    box->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->event_fd < 0)
        return fault(-errno);
    r = loop_io_add(loop, &box->io, box->event_fd, LOOP_READ, ready);
    if (r) {
        box->event_fd = fd_close(box->event_fd);
        return fault(r);
    }
    pthread_mutex_init(&box->lock, NULL); /* default attributes: cannot fail on Linux */
    return 0;
}

void mailbox_deinit(struct mailbox *box)
{
    if (!box->io.loop)
        return;
    loop_io_remove(&box->io);
    deliver_all(box);
    box->event_fd = fd_close(box->event_fd);
    pthread_mutex_destroy(&box->lock);
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
    static const uint64_t one = 1;
    bool first;
    ssize_t written = 0;

    pthread_mutex_lock(&box->lock);
    first = list_empty(&box->waiting);
    list_push_back(&box->waiting, &mail->link);
    pthread_mutex_unlock(&box->lock);

    if (first)
        written = write(box->event_fd, &one, sizeof(one));
    (void)written; /* a full counter has woken the owner already */
}
