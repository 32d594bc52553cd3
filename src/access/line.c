#include "access/line.h"

#include <inttypes.h>

#include "base/text.h"

struct slice access_record_text(const struct access_record *r, enum access_text which)
{
    size_t before = 0;

    for (unsigned i = 0; i < which; i++)
        before += r->text_bytes[i];
    return (struct slice){ r->texts + before, r->text_bytes[which] };
}

/* --- escaping --------------------------------------------------------------------------------- */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* @escape: printf format for a byte that cannot stand as it is. A field value may hold any byte
 * above 0x7f, in whatever character set. */
static int write_escaped(struct buffer *out, struct slice text, const char *escape)
{
    size_t from = 0;
    int r = 0;

    for (size_t i = 0; i < text.size && !r; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (is_plain(byte))
            continue;
        r = buffer_append(out, text.data + from, i - from);
        if (!r) /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of two, below */
            r = buffer_printf(out, escape, byte);
        from = i + 1;
    }
    return r ? r : buffer_append(out, text.data + from, text.size - from);
}

/* --- ALB -------------------------------------------------------------------------------------- */

static int alb_text(struct buffer *out, struct slice text)
{
    int r = buffer_append(out, " \"", 2);

    if (!r && text.size == 0)
        r = buffer_append(out, "-", 1);
    if (!r)
        r = write_escaped(out, text, "\\x%02X");
    return r ? r : buffer_append(out, "\"", 1);
}

static int alb_address(struct buffer *out, const char *address)
{
    return buffer_printf(out, " %s", address[0] ? address : "-");
}

static int alb_seconds(struct buffer *out, us_t us)
{
    if (us < 0)
        return buffer_append(out, " -1", 3);
    return buffer_printf(out, " %" PRId64 ".%06d", us / 1000000, (int)(us % 1000000));
}

static int alb_status(struct buffer *out, unsigned status)
{
    return status ? buffer_printf(out, " %u", status) : buffer_append(out, " -", 2);
}

static int alb_request(struct buffer *out, const struct access_record *a)
{
    int r = buffer_append(out, " \"", 2);

    if (!r)
        r = write_escaped(out, access_record_text(a, ACCESS_METHOD), "\\x%02X");
    if (!r)
        r = buffer_puts(out, " http://");
    if (!r)
        r = write_escaped(out, access_record_text(a, ACCESS_HOST), "\\x%02X");
    if (!r)
        r = write_escaped(out, access_record_text(a, ACCESS_TARGET), "\\x%02X");
    return r ? r : buffer_puts(out, a->http10 ? " HTTP/1.0\"" : " HTTP/1.1\"");
}

static int alb_head(struct buffer *out, const struct access_record *a)
{
    char ended[TEXT_ISO8601_BYTES];
    int r;

    text_iso8601(a->ended, ended);
    r = buffer_printf(out, "http %s app/weir/proxy", ended);
    if (!r)
        r = alb_address(out, a->client);
    if (!r)
        r = alb_address(out, a->target);
    if (!r)
        r = alb_seconds(out, a->before_us);
    if (!r)
        r = alb_seconds(out, a->target_us);
    if (!r)
        r = alb_seconds(out, a->after_us);
    if (!r)
        r = alb_status(out, a->status);
    if (!r)
        r = alb_status(out, a->target_status);
    if (!r)
        r = buffer_printf(out, " %" PRIu64 " %" PRIu64, a->received_bytes, a->sent_bytes);
    return r;
}

/* What a load balancer of ours never has: TLS, certificates, rules, redirects, Lambda. */
static int alb_tail(struct buffer *out, const struct access_record *a)
{
    char begun[TEXT_ISO8601_BYTES];
    int r;

    text_iso8601(a->begun, begun);
    r = buffer_printf(out, " \"-\" 0 %s \"forward\" \"-\" \"-\"", begun);
    if (!r)
        r = alb_text(out, slice_from(a->target));
    if (!r && a->target_status)
        r = buffer_printf(out, " \"%u\"", a->target_status);
    else if (!r)
        r = buffer_puts(out, " \"-\"");
    if (!r)
        r = buffer_puts(out, " \"-\" \"-\" ");
    if (!r)
        r = write_escaped(out, access_record_text(a, ACCESS_REQUEST_ID), "\\x%02X");
    return r ? r : buffer_append(out, "\n", 1);
}

static int write_alb(struct buffer *out, const struct access_record *a)
{
    struct slice group = access_record_text(a, ACCESS_GROUP);
    int r = alb_head(out, a);

    if (!r)
        r = alb_request(out, a);
    if (!r)
        r = alb_text(out, access_record_text(a, ACCESS_USER_AGENT));
    if (!r)
        r = buffer_puts(out, " - - ");
    if (!r)
        r = group.size ? write_escaped(out, group, "\\x%02X") : buffer_append(out, "-", 1);
    if (!r)
        r = alb_text(out, access_record_text(a, ACCESS_TRACE_ID));
    if (!r)
        r = alb_text(out, access_record_text(a, ACCESS_HOST));
    return r ? r : alb_tail(out, a);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static int json_text(struct buffer *out, const char *name, struct slice text)
{
    int r;

    if (text.size == 0)
        return 0;
    r = buffer_printf(out, ",\"%s\":\"", name);
    if (!r)
        r = write_escaped(out, text, "\\u%04x");
    return r ? r : buffer_append(out, "\"", 1);
}

static int json_us(struct buffer *out, const char *name, us_t us)
{
    return us < 0 ? 0 : buffer_printf(out, ",\"%s\":%" PRId64, name, us);
}

static int json_texts(struct buffer *out, const struct access_record *a)
{
    static const char *const names[ACCESS_TEXTS] = {
        [ACCESS_METHOD] = "method",      [ACCESS_TARGET] = "path",
        [ACCESS_HOST] = "host",          [ACCESS_USER_AGENT] = "user_agent",
        [ACCESS_TRACE_ID] = "trace_id",  [ACCESS_REQUEST_ID] = "request_id",
        [ACCESS_GROUP] = "target_group", [ACCESS_PRINCIPAL] = "principal",
    };
    int r = 0;

    for (unsigned i = 0; i < ACCESS_TEXTS && !r; i++)
        r = json_text(out, names[i], access_record_text(a, i));
    return r;
}

static int json_times(struct buffer *out, const struct access_record *a)
{
    const struct {
        const char *name;
        us_t us;
    } times[] = {
        { "queue_us", a->queue_us },   { "connect_us", a->connect_us },
        { "before_us", a->before_us }, { "target_us", a->target_us },
        { "after_us", a->after_us },   { "total_us", a->total_us },
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(times) / sizeof(*times) && !r; i++)
        r = json_us(out, times[i].name, times[i].us);
    return r;
}

static int write_json(struct buffer *out, const struct access_record *a)
{
    char begun[TEXT_ISO8601_BYTES];
    int r;

    text_iso8601(a->begun, begun);
    r = buffer_printf(out,
                      "{\"time\":\"%s\",\"status\":%u,\"received_bytes\":%" PRIu64
                      ",\"sent_bytes\":%" PRIu64 ",\"protocol\":\"HTTP/1.%d\"",
                      begun, a->status, a->received_bytes, a->sent_bytes, a->http10 ? 0 : 1);
    if (!r && a->target_status)
        r = buffer_printf(out, ",\"target_status\":%u", a->target_status);
    if (!r && a->grpc_status >= 0)
        r = buffer_printf(out, ",\"grpc_status\":%d", a->grpc_status);
    if (!r)
        r = json_text(out, "client", slice_from(a->client));
    if (!r)
        r = json_text(out, "target", slice_from(a->target));
    if (!r)
        r = json_texts(out, a);
    if (!r)
        r = json_times(out, a);
    return r ? r : buffer_append(out, "}\n", 2);
}

int access_line_write(struct buffer *out, enum access_format format, const struct access_record *r)
{
    size_t before = buffer_size(out);
    int e = format == ACCESS_JSON ? write_json(out, r) : write_alb(out, r);

    if (e)
        buffer_truncate(out, before); /* whole lines only */
    return e;
}
