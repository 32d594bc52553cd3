#include "control/custom_resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { BODY_BYTES = 64 };

static void ask(struct custom_resource *r);

/* --- life ------------------------------------------------------------------------------------- */

void custom_resources_init(struct custom_resources *all, struct loop *loop, struct log *log,
                           struct courier *courier)
{
    *all = (struct custom_resources){ .loop = loop, .log = log, .courier = courier };
    list_init(&all->list);
}

static void resource_free(struct custom_resource *r)
{
    list_remove(&r->link);
    if (r->under_way)
        courier_cancel(r->all->courier, r);
    free(r->url);
    free(r);
}

void custom_resources_deinit(struct custom_resources *all)
{
    list_for_each_safe (r, &all->list, struct custom_resource, link)
        resource_free(r);
}

struct custom_resource *custom_resource_find(const struct custom_resources *all, const char *url)
{
    list_for_each (r, &all->list, struct custom_resource, link)
        if (strcmp(r->url, url) == 0)
            return r;
    return NULL;
}

int custom_resource_watch(struct custom_resources *all, const char *url)
{
    struct custom_resource *r = custom_resource_find(all, url);

    if (r)
        return 0;
    r = calloc(1, sizeof(*r));
    if (!r)
        return fault(-ENOMEM);
    *r = (struct custom_resource){ .all = all, .url = strdup(url), .wanted = -1 };
    if (!r->url) {
        free(r);
        return fault(-ENOMEM);
    }
    list_push_back(&all->list, &r->link);
    return 0;
}

void custom_resource_forget(struct custom_resources *all, const char *url)
{
    struct custom_resource *r = custom_resource_find(all, url);

    if (r)
        resource_free(r);
}

bool custom_resource_url_valid(const char *url, const char **ret_why)
{
    const char *host = NULL, *end;

    if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    else if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    if (!host) {
        *ret_why = "it must be the http:// or https:// URL of a custom resource";
        return false;
    }
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '\\' || *c == '#') {
            *ret_why = "its URL must be of printable ASCII characters, without spaces, backslashes "
                       "and fragments";
            return false;
        }
    end = host + strcspn(host, "/?");
    if (end == host || memchr(host, '@', (size_t)(end - host))) {
        *ret_why = "its URL must have a host, and no user or password";
        return false;
    }
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_busy(const struct custom_resource *r)
{
    return r->wanted >= 0 || !r->known || r->answer.status == CUSTOM_RESOURCE_PENDING ||
           r->answer.status == CUSTOM_RESOURCE_IN_PROGRESS || r->answer.actual != r->answer.desired;
}

static void ask_later(struct custom_resource *r)
{
    r->next =
        loop_now(r->all->loop) + (is_busy(r) ? CUSTOM_RESOURCE_BUSY_MS : CUSTOM_RESOURCE_IDLE_MS);
}

/* What is wrong with an answer that is none of 2xx, or that did not come. */
static void explain(const struct courier_answer *answer, char ret_why[CUSTOM_RESOURCE_WHY_BYTES])
{
    char message[CUSTOM_RESOURCE_REASON_BYTES];

    if (answer->error) {
        snprintf(ret_why, CUSTOM_RESOURCE_WHY_BYTES, "the custom resource did not answer: %.255s",
                 answer->error);
        return;
    }
    custom_resource_error_message(answer->body, message);
    snprintf(ret_why, CUSTOM_RESOURCE_WHY_BYTES,
             "the custom resource answered with status code %u%s%s", answer->status,
             *message ? ": " : "", message);
}

static void set_trouble(struct custom_resource *r, const char *why)
{
    if (!*r->trouble)
        log_warn(r->all->log, "custom resource cannot be read", "url=%s reason=\"%s\"", r->url,
                 why);
    snprintf(r->trouble, sizeof r->trouble, "%s", why);
    backoff_failed(&r->backoff, loop_now(r->all->loop));
    r->next = r->backoff.until;
}

static bool hear(struct custom_resource *r, struct slice body, const char **ret_why)
{
    if (custom_resource_answer_read(body, &r->answer, ret_why) != 0)
        return false;
    if (*r->trouble)
        log_info(r->all->log, "custom resource can be read again", "url=%s", r->url);
    r->known = true;
    r->trouble[0] = '\0';
    r->backoff = (struct backoff){ 0 };
    return true;
}

static bool is_success(const struct courier_answer *answer)
{
    return !answer->error && answer->status >= 200 && answer->status < 300;
}

static void got(struct custom_resource *r, const struct courier_answer *answer)
{
    char why[CUSTOM_RESOURCE_WHY_BYTES];
    const char *malformed;

    if (!is_success(answer)) {
        explain(answer, why);
        set_trouble(r, why);
    } else if (!hear(r, answer->body, &malformed)) {
        set_trouble(r, malformed);
    } else {
        ask_later(r);
    }
}

static bool worth_another_try(const struct courier_answer *answer)
{
    return answer->error || answer->status == 408 || answer->status == 429 || answer->status >= 500;
}

/* It was set. What it is now is in the answer, or asked for at once. */
static void accepted(struct custom_resource *r, const struct courier_answer *answer)
{
    const char *malformed;

    r->refusal[0] = '\0';
    if (r->wanted == r->sent)
        r->wanted = -1;
    if (hear(r, answer->body, &malformed)) {
        ask_later(r);
        return;
    }
    r->answer.desired = r->sent;
    r->answer.status = CUSTOM_RESOURCE_PENDING;
    r->next = 0;
}

static void declined(struct custom_resource *r, const struct courier_answer *answer)
{
    if (worth_another_try(answer) && ++r->tries < CUSTOM_RESOURCE_TRIES) {
        r->next = loop_now(r->all->loop) + (CUSTOM_RESOURCE_BUSY_MS << (r->tries - 1));
        return;
    }
    explain(answer, r->refusal);
    r->refused = r->sent;
    if (r->wanted == r->sent)
        r->wanted = -1;
    r->next = 0;
}

static void answered(const struct courier_answer *answer, void *context)
{
    struct custom_resource *r = context;

    r->under_way = false;
    r->all->n_under_way--;
    if (!list_linked(&r->link))
        return; /* forgotten: whoever does that frees it */
    if (!r->patching)
        got(r, answer);
    else if (is_success(answer))
        accepted(r, answer);
    else
        declined(r, answer);
    /* a wish that was not sent yet is not left waiting; one that is tried again is */
    if (r->wanted >= 0 && !(r->patching && r->wanted == r->sent))
        ask(r);
}

/* --- requests --------------------------------------------------------------------------------- */

static void ask(struct custom_resource *r)
{
    struct custom_resources *all = r->all;
    struct courier_request request = {
        .method = "GET",
        .url = r->url,
        .timeout = CUSTOM_RESOURCE_TIMEOUT_MS,
        .answer_bytes_max = CUSTOM_RESOURCE_BODY_BYTES_MAX,
    };
    char body[BODY_BYTES];

    if (r->under_way || all->n_under_way >= CUSTOM_RESOURCE_UNDER_WAY_MAX)
        return;
    if (!all->courier) {
        set_trouble(r, "this server makes no requests");
        return;
    }
    r->patching = r->wanted >= 0;
    if (r->patching) {
        snprintf(body, sizeof body, "{\"desiredCapacity\": %d}", r->wanted);
        request.method = "PATCH";
        request.body = body;
        r->sent = r->wanted;
    }
    if (courier_send(all->courier, &request, answered, r) != 0) {
        r->next = loop_now(all->loop) + CUSTOM_RESOURCE_IDLE_MS;
        return;
    }
    r->under_way = true;
    all->n_under_way++;
}

void custom_resource_set(struct custom_resource *r, int capacity)
{
    r->wanted = capacity;
    r->refusal[0] = '\0';
    r->tries = 0;
    r->next = 0;
    ask(r);
}

void custom_resources_tick(struct custom_resources *all)
{
    ms_t now = loop_now(all->loop);

    list_for_each (r, &all->list, struct custom_resource, link)
        if (r->next <= now)
            ask(r);
}
