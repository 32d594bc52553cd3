/* base/mailbox.h: the one queue between threads.
 *
 * Any thread posts; the owner's loop delivers in order of posting, on the owner's thread. Posting
 * takes a short lock and at most one eventfd write; it never waits for the receiver and never
 * allocates: mail is embedded in the message, which belongs to the receiver once posted.
 */
#pragma once
#include <pthread.h>

#include "base/list.h"
#include "base/loop.h"

struct mail {
    struct list_link link;
};

struct mailbox {
    struct loop_io io;
    int event_fd;
    pthread_mutex_t lock;
    struct list waiting;
    void (*deliver)(struct mailbox *box, struct mail *mail);
};

/** mailbox_init() - @deliver is called on @loop's thread for each mail. Return: 0 or -errno. */
int mailbox_init(struct mailbox *box, struct loop *loop,
                 void (*deliver)(struct mailbox *box, struct mail *mail));
/** mailbox_deinit() - on the owner's thread, when nobody posts any more. Mail still waiting is
 * delivered first, so that messages find their owner. */
void mailbox_deinit(struct mailbox *box);
void mailbox_post(struct mailbox *box, struct mail *mail);
