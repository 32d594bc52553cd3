/* Sessions that clients carry themselves, over rotations of the keys and generations of servers. */
#include "tls/tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "tls/rig.h"

enum { THREADS = 3, MEETINGS = 40 };

static struct rig rig;
static struct tls_tickets tickets;

static int set_up(void **state)
{
    (void)state;
    rig_init(&rig);
    rig_issue(&rig, "one", "one.test", NULL);
    return tls_tickets_init(&tickets, 0);
}

static int tear_down(void **state)
{
    (void)state;
    tls_tickets_deinit(&tickets);
    rig_deinit(&rig);
    return 0;
}

static struct tls_server *serve(struct tls_tickets *t)
{
    struct tls_files files = { .certificate = rig_path(&rig, "one.crt"),
                               .key = rig_path(&rig, "one.key") };
    const struct tls_settings settings = { .files = &files, .n_files = 1 };
    struct tls_server *server;
    char *why;

    assert_int_equal(tls_server_new(&settings, t, &server, &why), 0);
    return server;
}

/* Meet, and take the new session home in place of the one that the client came with. */
static bool come_back(const struct tls_server *server, SSL_CTX *ctx, SSL_SESSION **session)
{
    struct meeting m = rig_meet(server, ctx, NULL, *session);
    bool reused = SSL_session_reused(m.client);

    assert_true(m.agreed);
    if (m.session) {
        SSL_SESSION_free(*session);
        *session = steal(m.session);
    }
    meeting_end(&m);
    return reused;
}

static void rotate(unsigned hour)
{
    assert_int_equal(tls_tickets_rotate(&tickets, hour * TLS_TICKET_ROTATE_MS), 0);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void keys_rotate_once_an_hour(void **state)
{
    struct tls_ticket_key first = tickets.keys[0], second;
    (void)state;

    assert_int_equal(tickets.n, 1);
    assert_int_equal(tls_tickets_rotate(&tickets, TLS_TICKET_ROTATE_MS - 1), 0);
    assert_int_equal(tickets.n, 1);
    assert_memory_equal(&tickets.keys[0], &first, sizeof(first));
    rotate(1);
    assert_int_equal(tickets.n, 2);
    assert_memory_not_equal(tickets.keys[0].cipher, first.cipher, sizeof(first.cipher));
    assert_memory_not_equal(tickets.keys[0].mac, first.mac, sizeof(first.mac));
    assert_memory_equal(&tickets.keys[1], &first, sizeof(first));
    second = tickets.keys[0];
    rotate(2);
    rotate(3);
    assert_int_equal(tickets.n, TLS_TICKET_KEYS);
    assert_memory_equal(&tickets.keys[2], &second, sizeof(second)); /* the first one is forgotten */
}

static void everybody_has_other_keys(void **state)
{
    struct tls_tickets others;
    (void)state;

    assert_int_equal(tls_tickets_init(&others, 0), 0);
    assert_memory_not_equal(&others.keys[0], &tickets.keys[0], sizeof(others.keys[0]));
    tls_tickets_deinit(&others);
    tls_tickets_deinit(&others); /* twice is harmless */
}

/* --- sessions --------------------------------------------------------------------------------- */

static void sessions_go_on_until_their_key_is_forgotten(void **state)
{
    struct tls_server *server = serve(&tickets);
    (void)state;

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = rig_client(version);
        SSL_SESSION *old = NULL, *sessions[TLS_TICKET_KEYS];
        unsigned hour = version == TLS1_2_VERSION ? 1 : 10;

        assert_false(come_back(server, ctx, &old));
        assert_non_null(old);
        for (int i = 0; i < TLS_TICKET_KEYS; i++) /* each a client of its own */
            sessions[i] = SSL_SESSION_dup(old);
        for (int i = 0; i < TLS_TICKET_KEYS; i++, hour++) {
            assert_true(come_back(server, ctx, &sessions[i]));
            rotate(hour);
        }
        assert_false(come_back(server, ctx, &old));
        for (int i = 0; i < TLS_TICKET_KEYS; i++)
            SSL_SESSION_free(sessions[i]);
        SSL_SESSION_free(old);
        SSL_CTX_free(ctx);
    }
    tls_server_unref(server);
}

static void who_comes_with_an_old_key_gets_a_new_ticket(void **state)
{
    struct tls_server *server = serve(&tickets);
    (void)state;

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = rig_client(version);
        SSL_SESSION *session = NULL;

        assert_false(come_back(server, ctx, &session));
        for (unsigned hour = 1; hour < 2 * TLS_TICKET_KEYS; hour++) {
            rotate(hour + (version == TLS1_2_VERSION ? 0 : 100));
            assert_true(come_back(server, ctx, &session)); /* and so on, key after key */
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
    tls_server_unref(server);
}

static void sessions_outlive_the_server_but_not_the_keys(void **state)
{
    struct tls_tickets others;
    (void)state;

    assert_int_equal(tls_tickets_init(&others, 0), 0);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_server *server = serve(&tickets), *stranger = serve(&others);
        SSL_CTX *ctx = rig_client(version);
        SSL_SESSION *session = NULL;

        assert_false(come_back(server, ctx, &session));
        tls_server_unref(server);
        server = serve(&tickets); /* as after a reload */
        assert_true(come_back(server, ctx, &session));
        assert_false(come_back(stranger, ctx, &session)); /* a full handshake, and no error */
        tls_server_unref(server);
        tls_server_unref(stranger);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
    tls_tickets_deinit(&others);
}

/* Of TLS 1.2, where the ticket is the client's as it is: each of its bits counts. */
static void a_ticket_that_was_changed_opens_nothing(void **state)
{
    struct tls_server *server = serve(&tickets);
    SSL_CTX *ctx = rig_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    const unsigned char *ticket;
    size_t size;
    (void)state;

    assert_false(come_back(server, ctx, &session));
    SSL_SESSION_get0_ticket(session, &ticket, &size);
    for (size_t at = 0; at < size; at += 7) {
        SSL_SESSION *changed = SSL_SESSION_dup(session);
        unsigned char *bytes;

        SSL_SESSION_get0_ticket(changed, (const unsigned char **)&bytes, &size);
        bytes[at] ^= 1;
        assert_false(come_back(server, ctx, &changed));
        SSL_SESSION_free(changed);
    }
    assert_true(come_back(server, ctx, &session));
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    tls_server_unref(server);
}

/* --- threads ---------------------------------------------------------------------------------- */

struct visitor {
    pthread_t thread;
    const struct tls_server *server;
    unsigned agreed, reused;
};

static atomic_uint visitors_left;

static void *visit(void *context)
{
    struct visitor *v = context;
    SSL_CTX *ctx = rig_client(TLS1_3_VERSION);
    SSL_SESSION *session = NULL;

    for (int i = 0; i < MEETINGS; i++) {
        struct meeting m = rig_meet(v->server, ctx, NULL, session);

        v->agreed += m.agreed;
        v->reused += SSL_session_reused(m.client) == 1;
        SSL_SESSION_free(session);
        session = steal(m.session);
        meeting_end(&m);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    atomic_fetch_sub(&visitors_left, 1);
    return NULL;
}

/* However keys rotate meanwhile: at worst a session is forgotten. */
static void threads_share_the_keys_while_they_rotate(void **state)
{
    struct tls_server *server = serve(&tickets);
    struct visitor visitors[THREADS] = { 0 };
    unsigned hour = 0;
    (void)state;

    atomic_store(&visitors_left, THREADS);
    for (int i = 0; i < THREADS; i++) {
        visitors[i].server = server;
        assert_int_equal(pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]), 0);
    }
    while (atomic_load(&visitors_left) > 0)
        rotate(++hour);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(visitors[i].thread, NULL);
        assert_int_equal(visitors[i].agreed, MEETINGS);
        assert_true(visitors[i].reused < MEETINGS);
    }
    tls_server_unref(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_rotate_once_an_hour),
        TEST(everybody_has_other_keys),
        TEST(sessions_go_on_until_their_key_is_forgotten),
        TEST(who_comes_with_an_old_key_gets_a_new_ticket),
        TEST(sessions_outlive_the_server_but_not_the_keys),
        TEST(a_ticket_that_was_changed_opens_nothing),
        TEST(threads_share_the_keys_while_they_rotate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
