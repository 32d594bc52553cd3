#include "proxy/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 1 << 16, /* addresses at once: 1.5 MiB */
    SAY_MS = 10000,
    WAIT_MAX_S = 3600,
};

enum refusal { REFUSED_FULL, REFUSED_CLIENT, REFUSED_RATE, REFUSED_MEMORY, REFUSALS };

struct guard {
    struct guard_settings settings;
    struct client_table table; /* without entries: nobody has limits */
    atomic_uint connections;
    atomic_size_t kept_bytes;
    atomic_bool tight; /* memory is */
    _Atomic uint64_t refused[REFUSALS];
    uint64_t said[REFUSALS]; /* the main thread's */
    ms_t said_at;
};

static void count(struct guard *g, enum refusal why)
{
    atomic_fetch_add_explicit(&g->refused[why], 1, memory_order_relaxed);
}

/* --- connections ------------------------------------------------------------------------------ */

static bool take_place(struct guard *g)
{
    unsigned max = g->settings.connections_max;

    if (atomic_fetch_add_explicit(&g->connections, 1, memory_order_relaxed) < max || max == 0)
        return true;
    atomic_fetch_sub_explicit(&g->connections, 1, memory_order_relaxed);
    return false;
}

static int admit_client(struct guard *g, us_t now, struct guard_pass *pass)
{
    unsigned max = g->settings.client_connections_max;

    if (max == 0 || !pass->is_ip || pass->is_trusted)
        return 0;
    switch (client_table_connect(&g->table, &pass->address, max, now, &pass->entry)) {
    case 0:
        return 0;
    case CLIENT_TABLE_E_LIMIT:
        count(g, REFUSED_CLIENT);
        return GUARD_E_CLIENT_FULL;
    default:
        count(g, REFUSED_FULL);
        return GUARD_E_FULL;
    }
}

int guard_admit(struct guard *g, const struct address *peer, us_t now, struct guard_pass *ret_pass)
{
    struct guard_pass pass = { .entry = NULL };
    int r;

    if (atomic_load_explicit(&g->tight, memory_order_relaxed)) {
        count(g, REFUSED_MEMORY);
        return GUARD_E_MEMORY;
    }
    pass.is_ip = network_address_of(peer, &pass.address) == 0;
    pass.is_trusted = pass.is_ip && network_list_has(&g->settings.trusted, &pass.address);
    if (!take_place(g)) {
        count(g, REFUSED_FULL);
        return GUARD_E_FULL;
    }
    r = admit_client(g, now, &pass);
    if (r)
        atomic_fetch_sub_explicit(&g->connections, 1, memory_order_relaxed);
    else
        *ret_pass = pass;
    return r;
}

void guard_leave(struct guard *g, struct guard_pass *pass)
{
    if (pass->entry)
        client_table_disconnect(pass->entry);
    pass->entry = NULL;
    atomic_fetch_sub_explicit(&g->connections, 1, memory_order_relaxed);
}

void guard_note_full(struct guard *g)
{
    count(g, REFUSED_FULL);
}

/* --- requests --------------------------------------------------------------------------------- */

static struct slice last_field(const struct http_head *head, const char *name)
{
    for (unsigned i = head->n_headers; i-- > 0;)
        if (slice_is_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return (struct slice){ 0 };
}

/* Each proxy adds at the end whom it was asked by: so the last one that is no proxy of ours is the
 * client, and what stands before it is only what that client says. */
static void read_forwarded(const struct guard *g, struct slice list, struct network_address *client)
{
    while (list.size) {
        const char *comma = memrchr(list.data, ',', list.size);
        const char *from = comma ? comma + 1 : list.data;
        struct slice item = { from, (size_t)(list.data + list.size - from) };
        struct network_address a;

        if (network_address_parse(slice_trim(item), &a))
            return;
        *client = a;
        if (!network_list_has(&g->settings.trusted, &a))
            return;
        list.size = comma ? (size_t)(comma - list.data) : 0;
    }
}

bool guard_client(const struct guard *g, const struct guard_pass *pass,
                  const struct http_head *head, struct network_address *ret_address)
{
    if (!pass || !pass->is_ip)
        return false;
    *ret_address = pass->address;
    if (pass->is_trusted)
        read_forwarded(g, last_field(head, "X-Forwarded-For"), ret_address);
    return true;
}

int guard_request(struct guard *g, const struct guard_pass *pass, const struct http_head *head,
                  us_t now, unsigned *ret_wait_s)
{
    unsigned per_s = g->settings.client_requests_per_s, burst = g->settings.client_burst;
    struct network_address client;
    us_t wait_us = 0;

    if (per_s == 0 || !guard_client(g, pass, head, &client) ||
        (pass->is_trusted && network_list_has(&g->settings.trusted, &client)))
        return 0;
    switch (
        client_table_request(&g->table, &client, per_s, burst ? burst : 2 * per_s, now, &wait_us)) {
    case 0:
        return 0;
    case CLIENT_TABLE_E_LIMIT:
        count(g, REFUSED_RATE);
        *ret_wait_s = (unsigned)(wait_us / 1000000 + 1);
        if (*ret_wait_s > WAIT_MAX_S)
            *ret_wait_s = WAIT_MAX_S;
        return GUARD_E_RATE;
    default:
        count(g, REFUSED_FULL);
        *ret_wait_s = 1;
        return GUARD_E_FULL;
    }
}

/* --- memory ----------------------------------------------------------------------------------- */

bool guard_keep(struct guard *g, size_t size)
{
    size_t before = atomic_fetch_add_explicit(&g->kept_bytes, size, memory_order_relaxed);

    if (before + size <= g->settings.kept_bytes_max &&
        !atomic_load_explicit(&g->tight, memory_order_relaxed))
        return true;
    guard_release(g, size);
    count(g, REFUSED_MEMORY);
    return false;
}

void guard_release(struct guard *g, size_t size)
{
    atomic_fetch_sub_explicit(&g->kept_bytes, size, memory_order_relaxed);
}

/* Pages in memory; Source: proc_pid_statm(5). */
static size_t memory_in_use(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*s %lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void say_refused(struct guard *g, struct log *log, ms_t now)
{
    uint64_t news[REFUSALS], any = 0;

    for (unsigned i = 0; i < REFUSALS; i++) {
        news[i] = atomic_load_explicit(&g->refused[i], memory_order_relaxed) - g->said[i];
        any |= news[i];
    }
    if (!any || (g->said_at && now - g->said_at < SAY_MS))
        return;
    log_warn(log, "clients refused",
             "full=%" PRIu64 " client_connections=%" PRIu64 " client_requests=%" PRIu64
             " memory=%" PRIu64,
             news[REFUSED_FULL], news[REFUSED_CLIENT], news[REFUSED_RATE], news[REFUSED_MEMORY]);
    for (unsigned i = 0; i < REFUSALS; i++)
        g->said[i] += news[i];
    g->said_at = now;
}

void guard_look_at(struct guard *g, size_t memory, struct log *log, ms_t now)
{
    size_t max = g->settings.memory_bytes_max;
    bool was = atomic_load_explicit(&g->tight, memory_order_relaxed);
    bool is = max > 0 && memory > (was ? max - max / 16 : max);

    if (is != was) {
        atomic_store_explicit(&g->tight, is, memory_order_relaxed);
        log_warn(log, is ? "memory is short, refusing connections and bodies" : "memory is there",
                 "bytes=%zu max_bytes=%zu", memory, max);
    }
    if (is)
        malloc_trim(0); /* what was freed counts as ours until it is given back */
    say_refused(g, log, now);
}

void guard_look(struct guard *g, struct log *log, ms_t now)
{
    guard_look_at(g, g->settings.memory_bytes_max ? memory_in_use() : 0, log, now);
}

/* --- life ------------------------------------------------------------------------------------- */

int guard_new(const struct guard_settings *settings, uint64_t seed, struct guard **ret_guard)
{
    autofree(guard_free) struct guard *g = calloc(1, sizeof(*g));

    if (!g)
        return -ENOMEM;
    g->settings = *settings;
    if ((settings->client_connections_max || settings->client_requests_per_s) &&
        client_table_init(&g->table, CLIENTS_MAX, seed))
        return -ENOMEM;
    *ret_guard = steal(g);
    return 0;
}

struct guard *guard_free(struct guard *g)
{
    if (!g)
        return NULL;
    client_table_deinit(&g->table);
    free(g);
    return NULL;
}
