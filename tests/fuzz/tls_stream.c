/* What a client says to a server of TLS, through a real stream on a real socket: during the handshake, and
 * after it in records of its own, whole ones, false ones, foreign bytes, cut anywhere. However it goes, the
 * stream's owner gets what the client has sealed, in order and nothing else, is told of an end once, and of a
 * proper one only if there was one; while the client keeps to the rules nothing is lost either way.
 *
 * The input's first byte says which TLS it is and how the bytes are cut; then come steps: what to do, a size,
 * and so many bytes for it. With RAW it is bytes without a client; with SPOIL steps change the handshake; with
 * LATE what the steps say comes at once. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "stream/tls_stream.h"
#include "tls/record.h"

enum { TLS12 = 1, RAW = 2, SPOIL = 4, DEAF = 8, LATE = 16 }; /* and how to cut: the upper bits */
/* clang-format off */
enum step { SAY, SAY_LONG, SAY_PADDED, SEAL, UPDATE, RECORD, FOREIGN, FLIP, LAST, FIN, ANSWER, STEPS };
/* clang-format on */
enum {
    WIRE_BYTES = 160 << 10,
    LATE_BYTES = 128 << 10,
    FLIGHTS = 4,
    STEPS_MAX = 100,
    TURNS_MAX = 64,
    IDLE_RECORDS_MAX = 32
};

static const size_t cuts[] = { 0, 1, 3, 5, 6, 22, 1000, 16389 }; /* 0: not at all */

static struct tls_tickets tickets;
static struct tls_server *server;
static struct tls_io tls_io;
static struct stream_engine engine;
static struct sim_clock sim;
static SSL_CTX *client_ctx;

/* The stream, and what it must have been told. */
static struct {
    struct stream stream;
    size_t heard; /* bytes of the pattern */
    bool ended;
} side;

/* The client. With TLS 1.3 its side of the records is ours, so that it can seal anything. */
static struct {
    int fd;
    uint8_t how;
    SSL *ssl;                 /* NULL: see record */
    BIO *in, *out;            /* borrowed from it */
    struct tls_record record; /* its write and read, of which the server has the opposite */
    size_t said, answered;    /* bytes of the pattern, each way */
    size_t heard;             /* of the answers */
    size_t waiting;           /* bytes of records not complete, in `arrived` */
    unsigned idle;            /* records without content, in a row */
    bool open;                /* the handshake is over */
    bool stopped;             /* a proper last word was said */
    bool foreign;             /* something was said that is against the rules */
    bool flooded;             /* namely too many records of nothing */
    size_t late_size;         /* of `late`, not put yet */
    char arrived[WIRE_BYTES], late[LATE_BYTES];
} client;

static char pattern(size_t at)
{
    return (char)(at * 7 + at / 251);
}

/* --- the stream's owner ----------------------------------------------------------------------- */

static size_t received(struct stream *s, const char *data, size_t size)
{
    (void)s;
    MUST(!side.ended && size > 0);
    MUST(tls_stream_is_ready(tls_stream_of(s)));
    for (size_t i = 0; i < size; i++)
        MUST(data[i] == pattern(side.heard + i));
    side.heard += size;
    MUST(side.heard <= client.said);
    return size;
}

static void ended(struct stream *s, int error)
{
    (void)s;
    MUST(!side.ended);
    side.ended = true;
    MUST(error <= 0);
    MUST(error < 0 || client.stopped || !client.open);
}

static void sent(struct stream *s)
{
    (void)s;
}

static void failed(struct stream *s, int error)
{
    (void)s;
    (void)error;
    MUST(client.foreign);
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended
};

/* --- the wire --------------------------------------------------------------------------------- */

static void turn(void)
{
    sim_clock_advance(&sim, 1);
    MUST(loop_turn(engine.loop, 0) == 0);
}

/* Whatever the socket does not take, the stream reads in the next turn, unless it has heard enough. */
static void put_now(const char *data, size_t size)
{
    size_t cut = cuts[client.how >> 5] ? cuts[client.how >> 5] + size / FUZZ_CUTS : 0, at = 0;
    unsigned idle_turns = 0;

    while (at < size) {
        size_t n = cut && cut < size - at ? cut : size - at;
        ssize_t done = send(client.fd, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (done < 0 && (errno != EAGAIN || side.ended)) {
            MUST(side.ended || client.stopped);
            return;
        }
        at += done > 0 ? (size_t)done : 0;
        turn();
        idle_turns = done > 0 ? 0 : idle_turns + 1;
        MUST(idle_turns < TURNS_MAX);
    }
}

static void put_late(void)
{
    size_t size = client.late_size;

    client.late_size = 0;
    put_now(client.late, size);
}

static void put(const char *data, size_t size)
{
    if (!(client.how & LATE) || !client.open || size > LATE_BYTES) {
        put_now(data, size);
        return;
    }
    if (size > LATE_BYTES - client.late_size)
        put_late();
    memcpy(client.late + client.late_size, data, size);
    client.late_size += size;
}

/* What the client's SSL has written, with TLS 1.2 and during the handshake. */
static void put_written(void)
{
    char *data;
    long size = BIO_get_mem_data(client.out, &data);

    put(data, (size_t)size);
    MUST(BIO_reset(client.out) == 1);
}

static void hear_content(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        MUST(data[i] == pattern(client.heard + i));
    client.heard += size;
    MUST(client.heard <= client.answered);
}

/* TLS 1.3: a ticket, new keys, an alert or an answer. */
static void hear_record(const char *record, size_t size)
{
    static char data[TLS_RECORD_SEALED_MAX];
    enum tls_content type;
    size_t n;

    MUST(tls_record_open(&client.record, record, size, data, &type, &n) == 0);
    if (type == TLS_DATA)
        hear_content(data, n);
    else if (type == TLS_HANDSHAKE && data[0] == 24)
        MUST(tls_record_update(&client.record, &client.record.read) == 0);
}

static void hear_records(void)
{
    char *at = client.arrived;
    size_t left = client.waiting;

    while (left >= TLS_RECORD_HEAD) {
        size_t size = TLS_RECORD_HEAD + ((size_t)(unsigned char)at[3] << 8) + (unsigned char)at[4];

        MUST(size <= TLS_RECORD_HEAD + TLS_RECORD_SEALED_MAX);
        if (size > left)
            break;
        hear_record(at, size);
        at += size;
        left -= size;
    }
    memmove(client.arrived, at, left);
    client.waiting = left;
}

static void hear_openssl(void)
{
    static char data[TLS_RECORD_CONTENT_MAX];
    size_t n;

    MUST(BIO_write(client.in, client.arrived, (int)client.waiting) == (int)client.waiting);
    client.waiting = 0;
    while (client.open && SSL_read_ex(client.ssl, data, sizeof(data), &n) == 1)
        hear_content(data, n);
    ERR_clear_error();
}

/* Return: whether anything has come. */
static bool hear(void)
{
    ssize_t n =
        recv(client.fd, client.arrived + client.waiting, WIRE_BYTES - client.waiting, MSG_DONTWAIT);

    if (n <= 0)
        return false;
    client.waiting += (size_t)n;
    if (client.how & RAW)
        client.waiting = 0;
    else if (client.ssl)
        hear_openssl();
    else
        hear_records();
    return true;
}

/* --- the handshake ---------------------------------------------------------------------------- */

/* The client's side of the records is the server's with the secrets exchanged. */
static void take_over(struct tls_secrets *s)
{
    struct tls_secrets swapped = { .client_size = s->server_size, .server_size = s->client_size };

    memcpy(swapped.client, s->server, TLS_SECRET_MAX);
    memcpy(swapped.server, s->client, TLS_SECRET_MAX);
    MUST(tls_record_init(&client.record, client.ssl, &swapped, 0) == 0);
    SSL_free(client.ssl);
    client.ssl = NULL;
}

/* One byte changed, bytes put in, the rest cut off, or all of it twice. */
static void put_spoilt(const uint8_t *step, const uint8_t *bytes)
{
    char *data, copy[4096];
    size_t size = (size_t)BIO_get_mem_data(client.out, &data);
    size_t at = size ? (step[1] * 4u + step[0] / 4u) % size : 0;

    if (size == 0)
        return;
    MUST(size <= sizeof(copy));
    memcpy(copy, data, size);
    MUST(BIO_reset(client.out) == 1);
    client.foreign = true;
    if (step[0] % 4 == 0) {
        copy[at] ^= (char)(step[1] | 1);
    } else if (step[0] % 4 == 1) {
        put(copy, at);
        put((const char *)bytes, step[1]);
        put(copy + at, size - at);
        return;
    } else if (step[0] % 4 == 2) {
        size = at;
    } else {
        put(copy, size);
    }
    put(copy, size);
}

/* Return: how many bytes of the input were steps of it. */
static size_t shake_hands(const uint8_t *data, size_t size)
{
    struct tls_secrets secrets = { 0 };
    size_t at = 0;

    MUST(tls_secrets_catch(client.ssl, &secrets) == 0);
    for (int i = 0; i < FLIGHTS && !client.open; i++) {
        client.open = SSL_do_handshake(client.ssl) == 1;
        ERR_clear_error();
        if (client.how & SPOIL && size - at >= 2 && data[at + 1] <= size - at - 2) {
            put_spoilt(data + at, data + at + 2);
            at += 2 + data[at + 1];
        } else {
            put_written();
        }
        if (!client.open)
            while (hear())
                ;
    }
    MUST(client.open || client.foreign);
    MUST(client.foreign || client.late_size || tls_stream_is_ready(tls_stream_of(&side.stream)));
    SSL_set_app_data(client.ssl, NULL);
    if (client.open && SSL_version(client.ssl) == TLS1_3_VERSION)
        take_over(&secrets);
    return at;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void seal(enum tls_content type, const char *data, size_t size)
{
    static char record[TLS_RECORD_CONTENT_MAX + TLS_RECORD_AROUND];
    const struct iovec part = { (void *)data, size };

    put(record, tls_record_seal(&client.record, type, &part, 1, record));
}

/* Too many records that bring nothing are against the rules. */
static void note_idle(bool idle)
{
    client.idle = idle ? client.idle + 1 : 0;
    if (client.idle > IDLE_RECORDS_MAX)
        client.foreign = client.flooded = true;
}

/* The next bytes of the pattern; TLS 1.3 with so many bytes of padding. */
static void say(size_t size, size_t padding)
{
    static char content[TLS_RECORD_CONTENT_MAX];

    for (size_t i = 0; i < size; i++)
        content[i] = pattern(client.said + i);
    client.said += size;
    if (client.ssl) {
        if (size && SSL_write(client.ssl, content, (int)size) == (int)size)
            put_written();
        ERR_clear_error();
        return;
    }
    note_idle(size == 0);
    if (padding && size + padding < sizeof(content)) {
        content[size] = TLS_DATA; /* what seal() adds as the type is the last of the padding */
        memset(content + size + 1, 0, padding - 1);
        seal(0, content, size + padding);
    } else {
        seal(TLS_DATA, content, size);
    }
}

static void say_long(size_t size)
{
    for (size_t n; size > 0; size -= n) {
        n = size < TLS_RECORD_CONTENT_MAX ? size : TLS_RECORD_CONTENT_MAX;
        say(n, 0);
    }
}

static void update(bool answer)
{
    const char message[] = { 24, 0, 0, 1, (char)answer };

    if (client.ssl)
        return;
    note_idle(true);
    seal(TLS_HANDSHAKE, message, sizeof(message));
    MUST(tls_record_update(&client.record, &client.record.write) == 0);
}

/* Of any type but that of content, which is said by say(). Of type 0 the content is padding, and before
 * it there may be another type. */
static void seal_any(const uint8_t *bytes, size_t size)
{
    size_t end = size;
    uint8_t type;

    if (client.ssl || size == 0)
        return;
    type = bytes[0];
    while (type == 0 && end > 1)
        type = bytes[--end];
    if (type == TLS_DATA)
        return;
    client.foreign = true;
    client.stopped = client.stopped || type == TLS_ALERT;
    seal(bytes[0], (const char *)bytes + 1, size - 1);
}

static void put_record(const uint8_t *bytes, size_t size)
{
    char head[TLS_RECORD_HEAD] = { (char)(20 + bytes[0] % 5), 3,
                                   (char)(bytes[0] % 7 ? 3 : bytes[0]) };

    client.foreign = true;
    head[3] = (char)(bytes[0] % 3 ? 0 : bytes[0]);
    head[4] = (char)(size - 1);
    put(head, sizeof(head));
    put((const char *)bytes + 1, size - 1);
}

/* A record of the client's with one bit changed. */
static void flip(uint8_t where)
{
    static char record[64];
    const struct iovec part = { (void *)"false", 5 };
    size_t size;
    char *data;

    client.foreign = true;
    if (client.ssl) {
        if (SSL_write(client.ssl, "false", 5) != 5)
            return;
        size = (size_t)BIO_get_mem_data(client.out, &data);
        MUST(size <= sizeof(record));
        memcpy(record, data, size);
        MUST(BIO_reset(client.out) == 1);
    } else {
        size = tls_record_seal(&client.record, TLS_DATA, &part, 1, record);
    }
    record[where % size] ^= (char)(1 << where / 32);
    put(record, size);
}

static void say_last(void)
{
    static const char close_notify[] = { 1, SSL_AD_CLOSE_NOTIFY };

    client.stopped = true;
    if (!client.ssl) {
        seal(TLS_ALERT, close_notify, sizeof(close_notify));
        return;
    }
    SSL_shutdown(client.ssl);
    ERR_clear_error();
    put_written();
}

static void answer(size_t size)
{
    static char content[255 * 256];

    for (size_t i = 0; i < size; i++)
        content[i] = pattern(client.answered + i);
    put_late();
    if (stream_send(&side.stream, content, size) == 0)
        client.answered += size;
    turn();
}

static void take_step(enum step step, const uint8_t *bytes, size_t size)
{
    if (client.stopped && step != ANSWER)
        client.foreign = true; /* nothing is to be said after the last word */
    if (step == SAY)
        say(size, 0);
    else if (step == SAY_LONG)
        say_long(size * 256);
    else if (step == SAY_PADDED)
        say(size, size ? bytes[0] * 64u : 0);
    else if (step == SEAL)
        seal_any(bytes, size);
    else if (step == UPDATE)
        update(size % 2);
    else if (step == RECORD && size > 0)
        put_record(bytes, size);
    else if (step == FOREIGN && size > 0) {
        client.foreign = true;
        put((const char *)bytes, size);
    } else if (step == FLIP && size > 0)
        flip(bytes[0]);
    else if (step == LAST)
        say_last();
    else if (step == FIN) {
        client.stopped = true;
        put_late();
        shutdown(client.fd, SHUT_WR);
        turn();
    } else if (step == ANSWER)
        answer(size * 256);
    if (!(client.how & DEAF))
        while (hear())
            turn();
}

static void take_steps(const uint8_t *data, size_t size)
{
    for (int i = 0; i < STEPS_MAX && size >= 2; i++) {
        size_t n = data[1] < size - 2 ? data[1] : size - 2;

        take_step(data[0] % STEPS, data + 2, n);
        data += 2 + n;
        size -= 2 + n;
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

/* A key and a certificate of its own, in the file from which the server is made. */
static void write_certificate(FILE *file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    MUST(key && x);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    MUST(X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0);
    MUST(PEM_write_X509(file, x) == 1 &&
         PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void set_up(void)
{
    char path[] = "/tmp/fuzz-tls-XXXXXX", *why = NULL;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct tls_files files = { .certificate = path };
    const struct tls_settings settings = { .files = &files, .n_files = 1 };

    MUST(file);
    write_certificate(file);
    fclose(file);
    sim_clock_init(&sim, 1000);
    MUST(tls_tickets_init(&tickets, 0) == 0 && tls_io_init(&tls_io) == 0);
    MUST(tls_server_new(&settings, &tickets, &server, &why) == 0);
    unlink(path);
    MUST(loop_new(&sim.base, &engine.loop) == 0);
    MUST(stream_engine_init(&engine, engine.loop) == 0);
    client_ctx = SSL_CTX_new(TLS_client_method());
    MUST(client_ctx);
    tls_secrets_let(client_ctx);
}

static void begin(void)
{
    struct tls_stream *t;
    int fds[2];

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    MUST(tls_stream_new(&tls_io, server, &t) == 0);
    memset(&side, 0, sizeof(side));
    MUST(stream_open(&side.stream, &engine, fds[0], false, &stream_tls, t, &owner) == 0);
    client.fd = fds[1];
    client.ssl = SSL_new(client_ctx);
    client.in = BIO_new(BIO_s_mem());
    client.out = BIO_new(BIO_s_mem());
    MUST(client.ssl && client.in && client.out);
    BIO_set_mem_eof_return(client.in, -1);
    SSL_set_bio(client.ssl, client.in, client.out);
    SSL_set_connect_state(client.ssl);
    SSL_set_max_proto_version(client.ssl, client.how & TLS12 ? TLS1_2_VERSION : TLS1_3_VERSION);
}

/* Whoever kept to the rules was understood. */
static void finish(void)
{
    put_late();
    for (int i = 0; i < TURNS_MAX && (hear() || stream_unsent(&side.stream)); i++)
        turn();
    if (!client.foreign) {
        MUST(client.open && side.heard == client.said && client.heard == client.answered);
        MUST(side.ended == client.stopped);
    }
    MUST(!client.flooded || side.ended);
    stream_close(&side.stream);
    turn();
    close(client.fd);
    SSL_free(client.ssl);
    tls_record_deinit(&client.record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t used = 1;

    if (!server)
        set_up();
    if (size == 0)
        return 0;
    memset(&client, 0, sizeof(client));
    client.how = data[0];
    begin();
    if (client.how & RAW) {
        client.foreign = true;
        put((const char *)data + 1, size - 1);
    } else {
        used += shake_hands(data + 1, size - 1);
        if (client.open)
            take_steps(data + used, size - used);
    }
    finish();
    return 0;
}
