#include "stream/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/address.h"

enum { GOT_BYTES_MAX = 64 << 20, HEAR_BYTES = 1 << 20 };

void rig_init(struct rig *r)
{
    assert_int_equal(loop_new(clock_real(), &r->loop), 0);
    assert_int_equal(stream_engine_init(&r->engine, r->loop), 0);
    if (test_io_is_uring())
        assert_int_equal(stream_engine_use_batches(&r->engine), 0);
}

void rig_deinit(struct rig *r)
{
    stream_engine_deinit(&r->engine);
    r->loop = loop_free(r->loop);
}

/* --- the owner of a stream -------------------------------------------------------------------- */

static struct end *end_of(struct stream *s)
{
    return container_of(s, struct end, stream);
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct end *e = end_of(s);
    size_t used = size < e->use_at_most ? size : e->use_at_most;

    assert_false(e->ended);
    e->calls++;
    assert_int_equal(buffer_append(&e->got, data, used), 0);
    if (e->then)
        e->then(e, data, used);
    return used;
}

static void sent(struct stream *s)
{
    end_of(s)->sent++;
}

static void failed(struct stream *s, int error)
{
    end_of(s)->failed = true;
    end_of(s)->error = error;
}

static void ended(struct stream *s, int error)
{
    end_of(s)->ended = true;
    end_of(s)->error = error;
}

static void hung_up(struct stream *s, bool reset)
{
    (void)reset;
    end_of(s)->hung_up = true;
}

static void spliced(struct stream *s, size_t n)
{
    assert_true(n > 0);
    end_of(s)->passed += n;
}

/* --- ends ------------------------------------------------------------------------------------- */

static void connect_tcp(int ret_fds[2])
{
    struct address address;
    int listener;

    assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(address_listen(&address, false, &listener), 0);
    assert_int_equal(address_of(listener, &address), 0);
    ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ret_fds[0], &address.any, address.size), 0);
    assert_int_equal(fcntl(ret_fds[0], F_SETFL, O_NONBLOCK), 0);
    do
        ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (ret_fds[1] < 0 && errno == EAGAIN);
    assert_true(ret_fds[1] >= 0);
    close(listener);
}

static void connect_two(bool local, int ret_fds[2])
{
    if (local)
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds), 0);
    else
        connect_tcp(ret_fds);
}

void rig_open(struct rig *r, struct end *e, bool local)
{
    int fds[2];

    connect_two(local, fds);
    rig_open_fd(r, e, fds[0], fds[1], local);
}

void rig_open_fd(struct rig *r, struct end *e, int fd, int peer, bool local)
{
    static const struct stream_owner owner = { .received = received,
                                               .sent = sent,
                                               .failed = failed,
                                               .ended = ended,
                                               .hung_up = hung_up,
                                               .spliced = spliced };

    *e = (struct end){
        .rig = r, .peer = peer, .got = BUFFER_INIT(GOT_BYTES_MAX), .use_at_most = SIZE_MAX
    };
    assert_int_equal(stream_open(&e->stream, &r->engine, fd, local, &stream_plain, NULL, &owner),
                     0);
}

void end_close(struct end *e)
{
    stream_close(&e->stream);
    stream_close(&e->stream); /* twice is harmless */
    buffer_deinit(&e->got);
    e->peer = fd_close(e->peer);
}

void end_say(struct end *e, const char *text)
{
    assert_int_equal(send(e->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

bool end_got(const struct end *e, const char *text)
{
    return slice_is((struct slice){ buffer_data(&e->got), buffer_size(&e->got) }, text);
}

size_t end_hear(struct end *e, struct buffer *into)
{
    ssize_t n;

    assert_int_equal(buffer_reserve(into, HEAR_BYTES), 0);
    n = recv(e->peer, buffer_tail(into), HEAR_BYTES, 0);
    if (n < 0)
        assert_int_equal(errno, EAGAIN);
    if (n > 0)
        buffer_commit(into, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

void end_hang_up(struct end *e, bool reset)
{
    const struct linger now = { .l_onoff = 1 };

    if (reset)
        assert_int_equal(setsockopt(e->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    e->peer = fd_close(e->peer);
}
