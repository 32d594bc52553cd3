#include "control/readiness.h"

#include "base/error.h"
#include "base/list.h"

static const struct slice ping = { "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                   sizeof("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n") - 1 };

static void answered(const struct client_answer *answer, void *context)
{
    struct readiness *r = context;

    if (answer->error || answer->head->status != 200 || !r->client) {
        if (r->client)
            loop_timer_after(&r->timer, READINESS_INTERVAL_MS);
        return;
    }
    r->ready(r);
}

static void try_now(struct loop_timer *timer)
{
    struct readiness *r = container_of(timer, struct readiness, timer);

    if (client_request(r->client, ping, "GET", READINESS_TIMEOUT_MS, answered, r))
        loop_timer_after(&r->timer, READINESS_INTERVAL_MS);
}

int readiness_start(struct readiness *r, struct loop *loop, const char *address,
                    void (*ready)(struct readiness *r))
{
    struct client_settings settings = CLIENT_SETTINGS_DEFAULT;
    struct address to;
    int e;

    settings.connections_max = 1;
    settings.answer_bytes_max = 64 << 10;
    e = address_parse(address, &to);
    if (!e)
        e = client_new(loop, &to, &settings, &r->client);
    if (e)
        return fault(e);
    r->ready = ready;
    loop_timer_init(loop, &r->timer, try_now);
    loop_timer_after(&r->timer, 0);
    return 0;
}

void readiness_stop(struct readiness *r)
{
    struct client *client = steal(r->client);

    if (!client)
        return;
    loop_timer_cancel(&r->timer);
    client_free(client); /* ends a request under way, which finds r->client gone */
}
