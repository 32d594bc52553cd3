/* Whole requests, one after another, to a control plane of their own: each gets a well-formed answer.
 * Requests are parted by a line "---"; what stands behind a head is its body, whatever it announces. */
#include "api/dispatch.h"

#include <libxml/parser.h>

#include "api/rpc_cbor.h"
#include "control/alarm_book.h"
#include "control/autoscaler.h"
#include "fleet/fake.h"
#include "fuzz.h"
#include "http/parser.h"

enum { SERIES_MAX = 100, INSTANCES_MAX = 4 };

static const wall_ms_t now = 1767323045000;

struct world {
    struct sim_clock clock;
    struct loop *loop;
    struct store *store;
    struct metrics *metrics;
    struct control *control;
    struct driver *driver;
    struct random random;
    struct dispatcher dispatcher;
};

static void set_up(struct world *w)
{
    static const struct control_settings settings = { .region = "us-east-1",
                                                      .account = "000000000000",
                                                      .instances_max = INSTANCES_MAX,
                                                      .state_dir = "/nonexistent" };
    static struct patterns *patterns;
    struct driver_events events;

    *w = (struct world){ 0 };
    sim_clock_init(&w->clock, now);
    random_init(&w->random, 1);
    MUST(patterns || patterns_new(&patterns) == 0);
    MUST(loop_new(&w->clock.base, &w->loop) == 0);
    MUST(store_open_memory(&w->store) == 0);
    MUST(metrics_new(SERIES_MAX, &w->metrics) == 0);
    MUST(control_new(w->loop, NULL, w->store, w->metrics, &settings, 1, &w->control) == 0);
    MUST(alarm_book_new(w->control, NULL, &w->control->alarms) == 0);
    MUST(autoscaler_new(w->control, &w->control->autoscaler) == 0);
    events = control_driver_events(w->control);
    MUST(fake_driver_new(w->loop, &events, &w->driver) == 0);
    MUST(control_start(w->control, w->driver) == 0);
    w->dispatcher = (struct dispatcher){ .control = w->control, .patterns = patterns };
}

static void tear_down(struct world *w)
{
    MUST(w->control->error == 0);
    w->control->autoscaler = autoscaler_free(w->control->autoscaler);
    w->control->alarms = alarm_book_free(w->control->alarms);
    control_free(w->control);
    driver_free(w->driver);
    metrics_free(w->metrics);
    store_free(w->store);
    loop_free(w->loop);
}

static void check_json(struct slice body)
{
    json_t *json = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, NULL);

    MUST(json_is_object(json));
    json_decref(json);
}

static void check_cbor(struct slice body)
{
    const char *why;
    json_t *json;

    MUST(cbor_decode(body, &json, &why) == 0 && json_is_object(json));
    json_decref(json);
}

static void check_xml(struct slice body)
{
    xmlDoc *document = xmlReadMemory(body.data, (int)body.size, NULL, NULL, XML_PARSE_NONET);

    MUST(document);
    xmlFreeDoc(document);
}

static void check_answer(const struct answer *a)
{
    struct slice body = { buffer_data(&a->body), buffer_size(&a->body) };
    const char *type = "";

    MUST(a->status >= 200 && a->status < 600 && a->status != 500);
    for (size_t i = 0; i < a->n_headers; i++) {
        MUST(!strpbrk(a->headers[i].value, "\r\n"));
        if (strcmp(a->headers[i].name, "Content-Type") == 0)
            type = a->headers[i].value;
    }
    if (body.size == 0)
        return;
    if (strstr(type, "json"))
        check_json(body);
    else if (strstr(type, "cbor"))
        check_cbor(body);
    else if (strstr(type, "xml"))
        check_xml(body);
}

static void send(struct world *w, struct slice request)
{
    struct http_head head;
    struct answer answer;
    size_t scanned = 0, n;
    const char *why;

    if (http_parse_request(request.data, request.size, &HTTP_LIMITS_DEFAULT, &scanned, &head, &n,
                           &why) != 0)
        return;
    answer_init(&answer, &w->random);
    dispatch(&w->dispatcher, &head, (struct slice){ request.data + n, request.size - n }, now,
             &answer);
    check_answer(&answer);
    answer_deinit(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char separator[] = "\n---\n";
    struct slice rest = fuzz_slice(data, size);
    struct world w;

    set_up(&w);
    while (rest.size > 0) {
        const char *end = memmem(rest.data, rest.size, separator, strlen(separator));
        size_t n = end ? (size_t)(end - rest.data) : rest.size;

        send(&w, (struct slice){ rest.data, n });
        n += end ? strlen(separator) : 0;
        rest = (struct slice){ rest.data + n, rest.size - n };
    }
    tear_down(&w);
    return 0;
}
