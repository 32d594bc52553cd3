/* stream/rig.h: streams for tests, over real sockets. The other side of each is a plain socket that
 * does not block, which the test reads and writes by hand.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/stream.h"
#include "stream/test_io.h"

enum { RIG_TURNS_MAX = 100000, RIG_TURN_MS = 1 };

struct rig {
    struct loop *loop;
    struct stream_engine engine; /* with batches if the test is run for them */
};

struct end {
    struct stream stream;
    struct rig *rig;
    int peer;             /* the test's side; -1: closed */
    struct buffer got;    /* what was shown and used */
    size_t use_at_most;   /* of what is shown in a call; SIZE_MAX at first */
    unsigned calls, sent; /* of received() and sent() */
    uint64_t passed;      /* spliced */
    bool ended, failed, hung_up;
    int error; /* of the above */
    void (*then)(struct end *e, const char *data,
                 size_t size); /* when this was received, or NULL */
};

void rig_init(struct rig *r);
void rig_deinit(struct rig *r); /* every end is closed */

/** rig_open() - a connected stream: @local: over Unix sockets, else TCP, whose connections can be
 * reset */
void rig_open(struct rig *r, struct end *e, bool local);
/** rig_open_fd() - on a socket of the test's; @peer: -1 if there is none */
void rig_open_fd(struct rig *r, struct end *e, int fd, int peer, bool local);
void end_close(struct end *e);

void end_say(struct end *e, const char *text);
bool end_got(const struct end *e, const char *text); /* and nothing else */
/** end_hear() - what has come to the peer, appended to @into. Return: how much that was */
size_t end_hear(struct end *e, struct buffer *into);
/** end_hang_up() - the peer leaves; @reset: without a proper end */
void end_hang_up(struct end *e, bool reset);

/** until() - turn the loop until @condition, which may have effects */
#define until(r, condition)                                                                        \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            if (i_ == RIG_TURNS_MAX)                                                               \
                fail_msg("%s did not come true", #condition);                                      \
            assert_int_equal(loop_turn((r)->loop, RIG_TURN_MS), 0);                                \
        }                                                                                          \
    } while (0)
