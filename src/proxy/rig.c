#include "proxy/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "access/log.h"
#include "stream/test_io.h"
#include "wire/frame.h"

enum { PATIENCE_S = 20 };

/* --- sockets ---------------------------------------------------------------------------------- */

static void be_patient(int fd)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

int client_dial(const struct rig *r)
{
    int fd;

    assert_int_equal(address_connect(&r->front, &fd), 0);
    be_patient(fd);
    return fd;
}

void client_send_n(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

        assert_true(sent > 0);
        at += sent;
        n -= (size_t)sent;
    }
}

void client_send(int fd, const char *text)
{
    client_send_n(fd, text, strlen(text));
}

/* Return: false when the connection has ended. */
static bool receive(int fd, struct buffer *into)
{
    ssize_t n;

    assert_int_equal(buffer_reserve(into, 65536), 0);
    n = recv(fd, buffer_tail(into), 65536, 0);
    if (n < 0 && errno == EAGAIN)
        fail_msg("nothing came for %d s", PATIENCE_S);
    if (n <= 0)
        return false;
    buffer_commit(into, (size_t)n);
    return true;
}

bool client_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void read_body(int fd, struct buffer *in, struct answer *ret)
{
    struct http_body body;
    const char *why;
    int r = HTTP_AGAIN;

    http_body_init(&body, &ret->head);
    while (r == HTTP_AGAIN) {
        struct slice content = { 0 };
        size_t used = 0;

        r = http_body_next(&body, buffer_data(in), buffer_size(in), &used, &content, &why);
        if (content.size)
            assert_int_equal(buffer_append(&ret->body, content.data, content.size), 0);
        buffer_consume(in, used);
        if (r == HTTP_AGAIN && used == 0 && !receive(fd, in)) {
            ret->closed = true;
            ret->broken = http_body_eof(&body) != 0;
            return;
        }
    }
    assert_int_equal(r, 0);
}

void client_read(int fd, struct buffer *pending, struct answer *ret)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct http_head probe;
    const char *why;
    size_t scanned = 0, size;
    int r;

    *ret = (struct answer){ .raw = BUFFER_INIT(1 << 20), .body = BUFFER_INIT(64 << 20) };
    while ((r = http_parse_response(buffer_data(pending), buffer_size(pending), SLICE("POST"),
                                    &limits, &scanned, &probe, &size, &why)) == HTTP_AGAIN)
        if (!receive(fd, pending)) {
            ret->closed = ret->broken = true;
            return;
        }
    assert_int_equal(r, 0);
    assert_int_equal(buffer_append(&ret->raw, buffer_data(pending), size), 0);
    buffer_consume(pending, size);
    scanned = 0;
    assert_int_equal(http_parse_response(buffer_data(&ret->raw), size, SLICE("POST"), &limits,
                                         &scanned, &ret->head, &size, &why),
                     0);
    ret->status = ret->head.status;
    if (ret->status >= 200)
        read_body(fd, pending, ret);
}

void client_ask(const struct rig *r, const char *request, struct answer *ret)
{
    autobuffer struct buffer pending = BUFFER_INIT(64 << 20);
    int fd = client_dial(r);

    client_send(fd, request);
    client_read(fd, &pending, ret);
    close(fd);
}

void answer_deinit(struct answer *a)
{
    buffer_deinit(&a->raw);
    buffer_deinit(&a->body);
}

bool answer_has(const struct answer *a, const char *text)
{
    return memmem(buffer_data(&a->body), buffer_size(&a->body), text, strlen(text));
}

char *rig_invocation(const char *attributes, const char *more_fields, const char *body)
{
    char *text = text_format("POST /endpoints/e/invocations HTTP/1.1\r\nHost: weir\r\n"
                             "X-Amzn-SageMaker-Custom-Attributes: %s\r\n%s"
                             "Content-Length: %zu\r\n\r\n%s",
                             attributes, more_fields, strlen(body), body);

    assert_non_null(text);
    return text;
}

/* --- the proxy's thread ----------------------------------------------------------------------- */

static void drained(void *context)
{
    struct rig *r = context;

    atomic_store(&r->drained, true);
}

static void deliver(struct mailbox *box, struct mail *mail)
{
    struct rig *r = container_of(box, struct rig, box);

    if (mail == &r->stop)
        loop_stop(r->loop);
    else
        proxy_drain(r->proxy, false, r->drain_timeout_ms, drained, r);
}

static void *run(void *context)
{
    struct rig *r = context;

    assert_int_equal(loop_run(r->loop), 0);
    r->proxy = proxy_free(r->proxy);
    return NULL;
}

void rig_init(struct rig *r, size_t n_workers)
{
    *r = (struct rig){ .n_workers = n_workers, .link = -1, .link_listener = -1 };
    snprintf(r->dir, sizeof(r->dir), "%s", "/tmp/weir-proxy-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->api_path, sizeof(r->api_path), "unix:%s/api", r->dir);
    snprintf(r->link_path, sizeof(r->link_path), "unix:%s/link", r->dir);
    r->link_in = BUFFER_INIT(FRAME_BYTES_MAX);
    r->api = target_server_listen(r->api_path, true);
    r->settings = (struct proxy_settings){
        .listen_fds = r->listen_fds,
        .n_workers = n_workers,
        .worker = WORKER_SETTINGS_DEFAULT,
        .guard = GUARD_SETTINGS_DEFAULT,
    };
    test_io_check();
    r->settings.worker.uses_uring = test_io_is_uring();
    r->drain_timeout_ms = 30 * MS_PER_S;
    assert_int_equal(address_parse(r->api_path, &r->settings.worker.api), 0);
    assert_int_equal(address_parse(r->link_path, &r->settings.link), 0);
    r->group = (struct link_target_group){ .id = "e/v",
                                           .health_path = "/ping",
                                           .health_interval_ms = 20,
                                           .health_timeout_ms = 15000,
                                           .healthy_threshold = 1,
                                           .unhealthy_threshold = 2,
                                           .queue_length_max = 100,
                                           .queue_timeout_ms = 15000,
                                           .request_timeout_ms = 15000,
                                           .stream_timeout_ms = 15000,
                                           .idle_timeout_ms = 15000,
                                           .deregistration_delay_ms = 15000 };
    assert_int_equal(address_parse("127.0.0.1:0", &r->front), 0);
    for (size_t i = 0; i < n_workers; i++) {
        assert_int_equal(address_listen(&r->front, true, &r->listen_fds[i]), 0);
        assert_int_equal(address_of(r->listen_fds[i], &r->front), 0);
    }
}

void rig_log(struct rig *r)
{
    const struct access_log_settings settings = {
        .path = r->log_path, .fd = -1, .format = ACCESS_JSON, .n_workers = r->n_workers
    };

    snprintf(r->log_path, sizeof(r->log_path), "%s/log", r->dir);
    assert_int_equal(access_log_new(&settings, &r->access_log), 0);
    r->settings.worker.access_log = r->access_log;
}

static void listen_for_link(struct rig *r)
{
    struct address a;

    assert_int_equal(address_parse(r->link_path, &a), 0);
    assert_int_equal(address_listen(&a, false, &r->link_listener), 0);
    be_patient(r->link_listener);
}

void rig_start(struct rig *r)
{
    listen_for_link(r);
    assert_int_equal(loop_new(clock_real(), &r->loop), 0);
    assert_int_equal(mailbox_init(&r->box, r->loop, deliver), 0);
    assert_int_equal(proxy_new(r->loop, &r->settings, &r->proxy), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    rig_link(r);
}

void rig_drain(struct rig *r)
{
    mailbox_post(&r->box, &r->drain);
}

void rig_stop(struct rig *r)
{
    mailbox_post(&r->box, &r->stop);
    pthread_join(r->thread, NULL);
    mailbox_deinit(&r->box);
    loop_free(r->loop);
    for (size_t i = 0; i < r->n_workers; i++)
        close(r->listen_fds[i]);
    rig_unlink(r);
    target_server_free(r->api);
    access_log_free(r->access_log);
    unlink(r->log_path);
    unlink(r->api_path + 5);
    rmdir(r->dir);
}

/* --- control ---------------------------------------------------------------------------------- */

void rig_link(struct rig *r)
{
    struct link_message m;

    if (r->link_listener < 0)
        listen_for_link(r);
    r->link = accept(r->link_listener, NULL, NULL);
    assert_true(r->link >= 0);
    be_patient(r->link);
    rig_hear(r, LINK_HELLO, &m);
    assert_int_equal(m.hello.version, LINK_VERSION);
    assert_int_equal(m.hello.pid, getpid());
}

void rig_unlink(struct rig *r)
{
    r->link = fd_close(r->link);
    r->link_listener = fd_close(r->link_listener);
    buffer_deinit(&r->link_in);
    unlink(r->link_path + 5);
}

void rig_send(struct rig *r, const struct link_message *m)
{
    autobuffer struct buffer out = BUFFER_INIT(FRAME_BYTES_MAX);
    json_t *json = link_message_to_json(m);

    assert_non_null(json);
    assert_int_equal(frame_write(&out, json), 0);
    client_send_n(r->link, buffer_data(&out), buffer_size(&out));
    json_decref(json);
}

void rig_hear(struct rig *r, enum link_type type, struct link_message *ret)
{
    for (;;) {
        json_t *json;
        int e = frame_read(&r->link_in, &json);

        if (e == FRAME_AGAIN) {
            assert_true(receive(r->link, &r->link_in));
            continue;
        }
        assert_int_equal(e, 0);
        assert_int_equal(link_message_from_json(json, ret), 0);
        json_decref(json);
        if (ret->type == type)
            return;
        link_message_deinit(ret);
    }
}

void rig_hear_event(struct rig *r, enum link_event_kind kind, const char *target, const char *state)
{
    struct link_message m;

    do {
        rig_hear(r, LINK_EVENT, &m);
    } while (m.event.event != kind || strcmp(m.event.target, target) != 0 ||
             strcmp(m.event.state, state) != 0);
    assert_string_equal(m.event.group, "e/v");
}

void rig_hear_report(struct rig *r, uint64_t requests, struct link_report_group *ret)
{
    struct link_message m;

    *ret = (struct link_report_group){ 0 };
    do {
        rig_hear(r, LINK_REPORT, &m);
        for (size_t i = 0; i < m.report.n_groups; i++) {
            report_group_add(ret, &m.report.groups[i]);
            ret->targets_in_service = m.report.groups[i].targets_in_service;
            ret->queued = m.report.groups[i].queued;
        }
        link_message_deinit(&m);
    } while (ret->requests < requests);
}

void rig_serve(struct rig *r, const struct rig_target *targets, size_t n)
{
    struct link_target list[8] = { 0 };
    struct link_variant variant = { .name = "v", .weight = 1, .target_group = "e/v" };
    struct link_endpoint endpoint = {
        .name = "e", .model_name = "primary", .variants = &variant, .n_variants = 1
    };
    struct link_credential key = { .admin = true,
                                   .access_key_id = "AKIDEXAMPLE",
                                   .secret_access_key =
                                       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
    struct link_route route = { .target_group = "e/v" };
    struct link_message m = { .type = LINK_SNAPSHOT,
                              .snapshot = { .version = LINK_VERSION,
                                            .revision = ++r->revision,
                                            .settings = { .auth = r->auth,
                                                          .region = "us-east-1",
                                                          .account = "123456789012",
                                                          .body_bytes_max = 4 << 20 },
                                            .credentials = &key,
                                            .n_credentials = 1,
                                            .endpoints = &endpoint,
                                            .n_endpoints = 1,
                                            .target_groups = &r->group,
                                            .n_target_groups = 1,
                                            .routes = &route,
                                            .n_routes = r->path_prefix ? 1 : 0 } };

    if (r->path_prefix)
        snprintf(route.path_prefix, sizeof(route.path_prefix), "%s", r->path_prefix);
    for (size_t i = 0; i < n; i++) {
        snprintf(list[i].id, sizeof(list[i].id), "%s", targets[i].id);
        snprintf(list[i].address, sizeof(list[i].address), "%s", targets[i].address);
        list[i].draining = targets[i].draining;
        if (targets[i].local_address)
            snprintf(list[i].local_address, sizeof(list[i].local_address), "%s",
                     targets[i].local_address);
        list[i].weight = 1;
    }
    r->group.targets = list;
    r->group.n_targets = n;
    rig_send(r, &m);
    do {
        rig_hear(r, LINK_ACK, &m);
    } while (m.ack.revision < r->revision);
}

/* --- a proxy and two targets ------------------------------------------------------------------ */

struct fixture *fixture_new(size_t n_workers)
{
    static const char *const ids[RIG_TARGETS] = { "i-1", "i-2" };
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    for (size_t i = 0; i < RIG_TARGETS; i++) {
        f->targets[i] = target_server_new();
        f->list[i] =
            (struct rig_target){ .id = ids[i], .address = target_server_address(f->targets[i]) };
    }
    f->target = f->targets[0];
    rig_init(&f->rig, n_workers);
    return f;
}

void fixture_start(struct fixture *f, size_t n_targets)
{
    rig_start(&f->rig);
    if (n_targets > 0)
        rig_serve(&f->rig, f->list, n_targets);
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    rig_stop(&f->rig);
    for (size_t i = 0; i < RIG_TARGETS; i++)
        target_server_free(f->targets[i]);
    free(f);
    return 0;
}

int begin(struct fixture *f, const char *attributes)
{
    autofree(mem_free) char *request = rig_invocation(attributes, "", "body");
    int fd = client_dial(&f->rig);

    client_send(fd, request);
    return fd;
}

unsigned finish(int fd)
{
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;

    client_read(fd, &pending, &a);
    close(fd);
    return a.status;
}

unsigned invoke(struct fixture *f, const char *attributes)
{
    return finish(begin(f, attributes));
}

unsigned holding(const struct fixture *f)
{
    unsigned n = 0;

    for (size_t i = 0; i < RIG_TARGETS; i++)
        n += target_server_holding(f->targets[i]);
    return n;
}
