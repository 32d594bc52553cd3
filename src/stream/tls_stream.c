#include "stream/tls_stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "base/buffer.h"
#include "base/text.h"
#include "tls/record.h"

enum {
    IN_BYTES = 128 << 10,
    OUT_BYTES = 128 << 10,
    RECORD_BYTES = 16 << 10,                 /* the most that one may hold */
    RECORD_ROOM = RECORD_BYTES + 256,        /* with everything around it */
    REST_BYTES_MAX = IN_BYTES,               /* of records not read yet */
    HELD_BYTES_MAX = OUT_BYTES + (64 << 10), /* of records not sent yet */
    UPDATE_AFTER_RECORDS = 1 << 23,          /* AES-GCM's keys may seal 2^24.5 (RFC 8446 §5.5) */
    IDLE_RECORDS_MAX = 32,                   /* without content, in a row: more is an attack */
};

enum state {
    HANDSHAKE,
    OPEN,
    ENDED,  /* the peer has said its last */
    BROKEN, /* what came is no TLS that we speak; an alert was sent */
};

/* With TLS 1.3 there is an SSL only until the handshake is over: then `record` takes over. */
struct tls_stream {
    enum state state;
    SSL *ssl;                    /* NULL: see record */
    struct tls_secrets *secrets; /* of the handshake */
    struct tls_record record;
    unsigned idle_records;     /* that brought nothing, one after the other */
    bool h2;                   /* what was agreed on */
    X509 *peer;                /* the client's certificate; NULL: none */
    struct tls_server *server; /* one reference: its certificates are the connection's */
    struct tls_io *io;
    struct buffer rest; /* received, not read yet */
    struct buffer held; /* written, not sent yet */
};

/* --- what the worker shares ------------------------------------------------------------------- */

int tls_io_init(struct tls_io *io)
{
    *io = (struct tls_io){ .in = malloc(IN_BYTES),
                           .out = malloc(OUT_BYTES),
                           .plain = malloc(RECORD_BYTES) };
    if (io->in && io->out && io->plain)
        return 0;
    tls_io_deinit(io);
    return -ENOMEM;
}

void tls_io_deinit(struct tls_io *io)
{
    free(io->in);
    free(io->out);
    if (io->plain)
        OPENSSL_cleanse(io->plain, RECORD_BYTES);
    free(io->plain);
    *io = (struct tls_io){ 0 };
}

/* --- OpenSSL's view of the socket ------------------------------------------------------------- */

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_size)
{
    struct tls_io *io = BIO_get_data(bio);
    size_t there = io->in_size - io->in_at;
    size_t n = size < there ? size : there;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(data, io->in + io->in_at, n);
    io->in_at += n;
    *ret_size = n;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_size)
{
    struct tls_io *io = BIO_get_data(bio);
    size_t room = OUT_BYTES - io->out_size;
    size_t n = size < room ? size : room;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_write(bio);
        return 0;
    }
    memcpy(io->out + io->out_size, data, n);
    io->out_size += n;
    *ret_size = n;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (method) {
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
}

static BIO *bio_new(struct tls_io *io)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_method);
    bio = method ? BIO_new(method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, io);
    BIO_set_init(bio, 1);
    return bio;
}

/* --- life ------------------------------------------------------------------------------------- */

int tls_stream_new(struct tls_io *io, struct tls_server *server, struct tls_stream **ret_tls)
{
    struct tls_stream *t = calloc(1, sizeof(*t));
    BIO *bio = bio_new(io);

    if (t) {
        t->ssl = tls_server_accept(server);
        t->secrets = calloc(1, sizeof(*t->secrets));
    }
    if (!t || !bio || !t->ssl || !t->secrets || tls_secrets_catch(t->ssl, t->secrets)) {
        BIO_free(bio);
        tls_stream_free(t);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_bio(t->ssl, bio, bio);
    t->server = tls_server_ref(server);
    t->io = io;
    t->rest = BUFFER_INIT(REST_BYTES_MAX);
    t->held = BUFFER_INIT(HELD_BYTES_MAX);
    *ret_tls = t;
    return 0;
}

static void forget_secrets(struct tls_stream *t)
{
    if (t->secrets)
        OPENSSL_cleanse(t->secrets, sizeof(*t->secrets));
    free(t->secrets);
    t->secrets = NULL;
}

/* A connection that just ends is no reason to forget its session. */
static void free_ssl(struct tls_stream *t)
{
    if (t->ssl && (t->state == OPEN || t->state == ENDED))
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    t->ssl = NULL;
}

struct tls_stream *tls_stream_free(struct tls_stream *t)
{
    if (!t)
        return NULL;
    free_ssl(t);
    forget_secrets(t);
    tls_record_deinit(&t->record);
    X509_free(t->peer);
    tls_server_unref(t->server);
    buffer_deinit(&t->rest);
    buffer_deinit(&t->held);
    free(t);
    return NULL;
}

static void deinit(struct stream *s)
{
    s->transport = tls_stream_free(s->transport);
}

struct tls_stream *tls_stream_of(const struct stream *s)
{
    return s->ops == &stream_tls ? s->transport : NULL;
}

bool tls_stream_is_ready(const struct tls_stream *t)
{
    return t->state != HANDSHAKE;
}

bool tls_stream_is_h2(const struct tls_stream *t)
{
    return t->h2;
}

X509 *tls_stream_peer(const struct tls_stream *t)
{
    return t->peer;
}

/* --- after the handshake ---------------------------------------------------------------------- */

/* What OpenSSL has written since the client's last word of the handshake: tickets. */
static uint64_t count_records(const struct tls_io *io)
{
    uint64_t n = 0;

    for (size_t at = 0; at + TLS_RECORD_HEAD <= io->out_size; n++) {
        const unsigned char *head = (const unsigned char *)io->out + at;

        at += TLS_RECORD_HEAD + ((size_t)head[3] << 8 | head[4]);
    }
    return n;
}

static void handshake_done(struct tls_stream *t)
{
    const unsigned char *name;
    unsigned size;

    t->state = OPEN;
    SSL_get0_alpn_selected(t->ssl, &name, &size);
    t->h2 = size == 2 && memcmp(name, "h2", 2) == 0;
    t->peer = SSL_get1_peer_certificate(t->ssl);
    SSL_set_app_data(t->ssl, NULL);
    if (!SSL_has_pending(t->ssl) &&
        tls_record_init(&t->record, t->ssl, t->secrets, count_records(t->io)) == 0)
        free_ssl(t);
    forget_secrets(t);
}

static int seal(struct tls_stream *t, enum tls_content type, const void *data, size_t size)
{
    const struct iovec part = { (void *)data, size };
    size_t sealed;

    if (OUT_BYTES - t->io->out_size < size + TLS_RECORD_AROUND)
        return -ENOBUFS;
    sealed = tls_record_seal(&t->record, type, &part, 1, t->io->out + t->io->out_size);
    t->io->out_size += sealed;
    return sealed ? 0 : -EPIPE;
}

/* Next keys for what we write, and the client is told so under the old ones. */
static int update_own(struct tls_stream *t)
{
    static const unsigned char message[] = { 24, 0, 0, 1, 0 };
    int r = seal(t, TLS_HANDSHAKE, message, sizeof(message));

    return r ? r : tls_record_update(&t->record, &t->record.write);
}

static void break_off(struct tls_stream *t, unsigned char description)
{
    const unsigned char alert[] = { 2, description };

    seal(t, TLS_ALERT, alert, sizeof(alert));
    t->state = BROKEN;
}

/* After the handshake a client says nothing but that it changes its keys (RFC 8446 §4.6.3). */
static void take_message(struct tls_stream *t, const char *data, size_t size)
{
    static const char update[] = { 24, 0, 0, 1 };

    if (size != sizeof(update) + 1 || memcmp(data, update, sizeof(update)) != 0 ||
        (unsigned char)data[sizeof(update)] > 1)
        break_off(t, SSL_AD_UNEXPECTED_MESSAGE);
    else if (tls_record_update(&t->record, &t->record.read) ||
             (data[sizeof(update)] && update_own(t)))
        break_off(t, SSL_AD_INTERNAL_ERROR);
}

/* Return: bytes of content in it. */
static size_t open_record(struct tls_stream *t, const char *record, size_t record_size, char *data)
{
    enum tls_content type;
    size_t size;

    if (tls_record_open(&t->record, record, record_size, data, &type, &size)) {
        break_off(t, SSL_AD_BAD_RECORD_MAC);
        return 0;
    }
    if (type == TLS_DATA && size > 0) {
        t->idle_records = 0;
        return size;
    }
    if (++t->idle_records > IDLE_RECORDS_MAX ||
        (type != TLS_DATA && type != TLS_HANDSHAKE && type != TLS_ALERT))
        break_off(t, SSL_AD_UNEXPECTED_MESSAGE);
    else if (type == TLS_HANDSHAKE)
        take_message(t, data, size);
    else if (type == TLS_ALERT)
        t->state = size == 2 && data[1] == SSL_AD_CLOSE_NOTIFY ? ENDED : BROKEN;
    return 0;
}

/* The size of the next record, head and all; 0 if it has not come whole. */
static size_t next_record(const struct tls_io *io)
{
    const unsigned char *head = (const unsigned char *)io->in + io->in_at;
    size_t there = io->in_size - io->in_at, size;

    if (there < TLS_RECORD_HEAD)
        return 0;
    size = TLS_RECORD_HEAD + ((size_t)head[3] << 8 | head[4]);
    if (head[0] != TLS_DATA || size > TLS_RECORD_HEAD + TLS_RECORD_SEALED_MAX)
        return TLS_RECORD_HEAD; /* which cannot be opened */
    return size <= there ? size : 0;
}

/* Return: bytes of content. */
static size_t open_records(struct tls_stream *t, char *data, size_t size)
{
    struct tls_io *io = t->io;
    size_t total = 0, next;

    while (t->state == OPEN && (next = next_record(io)) > 0 && next <= size - total) {
        size_t at = io->in_at;

        io->in_at += next;
        total += open_record(t, io->in + at, next, data + total);
    }
    return total;
}

/* --- records to the socket -------------------------------------------------------------------- */

static int send_some(int fd, const char *data, size_t size, size_t *ret_sent)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

    *ret_sent = n > 0 ? (size_t)n : 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* What was held comes first. Return: 0, also if the socket is full, or a negative errno. */
static int send_held(struct stream *s, struct tls_stream *t)
{
    size_t sent;
    int r;

    if (buffer_size(&t->held) == 0)
        return 0;
    r = send_some(s->io.fd, buffer_data(&t->held), buffer_size(&t->held), &sent);
    if (r)
        return r;
    buffer_consume(&t->held, sent);
    if (buffer_size(&t->held) == 0)
        buffer_deinit(&t->held);
    s->held = buffer_size(&t->held) > 0;
    return 0;
}

/* Send what OpenSSL wrote, hold what does not leave. */
static int send_records(struct stream *s, struct tls_stream *t)
{
    struct tls_io *io = t->io;
    size_t sent = 0;
    int r = 0;

    if (io->out_size == 0)
        return 0;
    if (!s->held)
        r = send_some(s->io.fd, io->out, io->out_size, &sent);
    if (!r && sent < io->out_size)
        r = buffer_append(&t->held, io->out + sent, io->out_size - sent);
    s->held = buffer_size(&t->held) > 0;
    io->out_size = 0;
    return r;
}

/* --- sending ---------------------------------------------------------------------------------- */

struct cursor {
    const struct iovec *parts;
    size_t n, offset;
};

/* The next record's content: in one piece where it lies, or put together in the shared buffer. */
static struct slice next_content(struct cursor *c, struct tls_io *io)
{
    size_t size = 0;

    while (c->n > 0 && c->parts->iov_len == c->offset) {
        c->parts++;
        c->n--;
        c->offset = 0;
    }
    if (c->n == 0)
        return (struct slice){ 0 };
    if (c->n == 1 || c->parts->iov_len - c->offset >= RECORD_BYTES) {
        const char *data = (const char *)c->parts->iov_base + c->offset;

        size = c->parts->iov_len - c->offset;
        size = size < RECORD_BYTES ? size : RECORD_BYTES;
        c->offset += size;
        return (struct slice){ data, size };
    }
    while (c->n > 0 && size < RECORD_BYTES) {
        size_t left = c->parts->iov_len - c->offset, room = RECORD_BYTES - size;
        size_t n = left < room ? left : room;

        memcpy(io->plain + size, (const char *)c->parts->iov_base + c->offset, n);
        size += n;
        c->offset += n;
        if (c->offset == c->parts->iov_len) {
            c->parts++;
            c->n--;
            c->offset = 0;
        }
    }
    return (struct slice){ io->plain, size };
}

static int write_record(struct tls_stream *t, struct slice content)
{
    size_t written = 0;

    if (!t->ssl) {
        int r = t->record.write.sequence >= UPDATE_AFTER_RECORDS ? update_own(t) : 0;

        return r ? r : seal(t, TLS_DATA, content.data, content.size);
    }
    ERR_clear_error();
    if (SSL_write_ex(t->ssl, content.data, content.size, &written) == 1 && written == content.size)
        return 0;
    t->state = BROKEN;
    ERR_clear_error();
    return -EPIPE;
}

static ssize_t send_parts(struct stream *s, const struct iovec *parts, size_t n)
{
    struct tls_stream *t = s->transport;
    struct cursor c = { .parts = parts, .n = n };
    struct slice content;
    ssize_t taken = 0;
    int r = send_held(s, t);

    if (r)
        return r;
    if (s->held || (n > 0 && t->state == HANDSHAKE))
        return -EAGAIN;
    t->io->in_at = t->io->in_size = t->io->out_size = 0;
    while (!r && !s->held && (content = next_content(&c, t->io)).size > 0) {
        r = write_record(t, content);
        if (!r)
            taken += (ssize_t)content.size;
        if (!r && OUT_BYTES - t->io->out_size < RECORD_ROOM)
            r = send_records(s, t);
    }
    if (!r)
        r = send_records(s, t);
    return r ? r : taken;
}

static void say_last(struct tls_stream *t)
{
    static const unsigned char close_notify[] = { 1, SSL_AD_CLOSE_NOTIFY };

    if (!t->ssl) {
        seal(t, TLS_ALERT, close_notify, sizeof(close_notify));
        return;
    }
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

static int shut(struct stream *s)
{
    struct tls_stream *t = s->transport;
    int r = 0;

    if ((t->state == OPEN || t->state == ENDED) && !s->held) {
        t->io->in_at = t->io->in_size = t->io->out_size = 0;
        say_last(t);
        r = send_records(s, t);
    }
    if (!r && shutdown(s->io.fd, SHUT_WR))
        r = -errno;
    return r;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Fill the shared buffer: what was left over, and what has come since. Return: bytes that have
 * come, 0 at the end, or a negative errno. */
static ssize_t fill(struct stream *s, struct tls_stream *t)
{
    struct tls_io *io = t->io;
    size_t rest = buffer_size(&t->rest), room = IN_BYTES - rest;
    ssize_t n;

    if (rest) {
        memcpy(io->in, buffer_data(&t->rest), rest);
        buffer_deinit(&t->rest);
    }
    io->in_at = 0;
    io->in_size = rest;
    if (room == 0)
        return -EAGAIN; /* readable as before */
    n = recv(s->io.fd, io->in + rest, room, 0);
    if (n < 0 && errno == EINTR)
        return -EAGAIN;
    s->readable = n > 0 && ((size_t)n == room || s->ending);
    if (n > 0)
        io->in_size += (size_t)n;
    return n < 0 ? -errno : n;
}

/* Nothing of one connection may be seen by the next. */
static int leave(struct tls_stream *t)
{
    struct tls_io *io = t->io;
    int r = io->in_at == io->in_size
                ? 0
                : buffer_append(&t->rest, io->in + io->in_at, io->in_size - io->in_at);

    io->in_at = io->in_size = 0;
    return r;
}

static bool has_more(const struct tls_stream *t)
{
    if (!t->ssl)
        return next_record(t->io) > 0;
    return t->io->in_at < t->io->in_size || SSL_has_pending(t->ssl);
}

/* Decrypt what is there; t->state says if that was the last of it. Return: bytes of content. */
static size_t decrypt(struct tls_stream *t, char *data, size_t size)
{
    size_t total = 0, n;
    int r = 1;

    if (!t->ssl)
        return open_records(t, data, size);
    ERR_clear_error();
    if (t->state == HANDSHAKE) {
        r = SSL_do_handshake(t->ssl);
        if (r == 1)
            handshake_done(t);
        if (!t->ssl)
            return open_records(t, data, size);
    }
    while (r == 1 && total < size && has_more(t)) {
        n = 0;
        r = SSL_read_ex(t->ssl, data + total, size - total, &n);
        total += n;
    }
    if (r == 1)
        return total;
    r = SSL_get_error(t->ssl, r);
    if (r == SSL_ERROR_ZERO_RETURN)
        t->state = ENDED;
    else if (r != SSL_ERROR_WANT_READ && r != SSL_ERROR_WANT_WRITE)
        t->state = BROKEN;
    ERR_clear_error();
    return total;
}

/* One receive, and what it brought. Return: bytes of content, maybe none; -EAGAIN if nothing has
 * come; another negative errno. */
static ssize_t receive_once(struct stream *s, struct tls_stream *t, char *data, size_t size)
{
    ssize_t got = fill(s, t);
    size_t n;
    int r;

    if (got < 0 && (got != -EAGAIN || !has_more(t)))
        return leave(t) ? -ENOMEM : got;
    t->io->out_size = 0;
    n = decrypt(t, data, size);
    r = send_records(s, t); /* a handshake's answer, an alert, a new key's acknowledgement */
    if (s->held)
        s->blocked = true; /* so that the engine sends it when the socket takes more */
    if (got == 0 && n == 0 && t->state != BROKEN)
        t->state = ENDED; /* without a word; HTTP knows itself whether something is missing */
    if (t->state == ENDED || t->state == BROKEN || ((n == size || !t->ssl) && has_more(t)))
        s->readable = true; /* there is something to say that needs no event */
    if (leave(t))
        return -ENOMEM;
    return r ? r : (ssize_t)n;
}

static ssize_t receive(struct stream *s, char *data, size_t size)
{
    struct tls_stream *t = s->transport;
    ssize_t n;

    do {
        if (t->state == BROKEN)
            return -EPROTO;
        if (t->state == ENDED)
            return 0;
        n = receive_once(s, t, data, size);
    } while (n == 0 && s->readable && size >= RECORD_ROOM);
    return n == 0 ? -EAGAIN : n;
}

const struct stream_ops stream_tls = {
    .receive = receive,
    .send = send_parts,
    .shut = shut,
    .deinit = deinit,
};
