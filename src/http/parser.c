/* Heads are read in two steps: find the end of the head (each byte is searched once, however it
 * arrives), then read the lines of the whole head. The outcome so depends on the bytes alone, never
 * on how they were cut into reads.
 */
#include "http/parser.h"

#include <assert.h>
#include <string.h>

#include "http/chars.h"

/* what the fields said that decides about framing, collected line by line */
struct facts {
    struct slice host;
    unsigned n_hosts, n_lengths, n_codings, n_options;
    uint64_t length;
    bool other_expectation;
    bool close, keep_alive, connection_upgrade, upgrade;
};

static int refuse(int outcome, const char **ret_why, const char *why)
{
    *ret_why = why;
    return outcome;
}

static int malformed(const char **ret_why, const char *why)
{
    return refuse(HTTP_E_MALFORMED, ret_why, why);
}

/* --- the end of the head ---------------------------------------------------------------------- */

/* Empty lines before a request are skipped; a lone CR at the end may become one. */
static size_t skip_empty_lines(const char *data, size_t size)
{
    size_t i = 0;

    while (size - i >= 2 && data[i] == '\r' && data[i + 1] == '\n')
        i += 2;
    return i;
}

/* The head is data[start .. *ret_end), its last four bytes being CR LF CR LF. */
static int find_end(const char *data, size_t size, size_t start, size_t *scanned, size_t *ret_end,
                    const char **ret_why)
{
    size_t i = *scanned > start ? *scanned : start;

    while (i < size) {
        const char *lf = memchr(data + i, '\n', size - i);

        if (!lf)
            break;
        i = (size_t)(lf - data);
        if (i == start || data[i - 1] != '\r')
            return malformed(ret_why, "a line ends without CR");
        if (i >= start + 3 && data[i - 2] == '\n') {
            *ret_end = i + 1;
            return 0;
        }
        i++;
    }
    *scanned = size;
    return HTTP_AGAIN;
}

static int too_large(const char *data, size_t start, size_t size, bool request,
                     const char **ret_why)
{
    if (request && !memchr(data + start, '\n', size - start))
        return refuse(HTTP_E_URI_TOO_LONG, ret_why, "the request line is too long");
    return refuse(HTTP_E_TOO_LARGE, ret_why, "the header fields are too large");
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Take the next line, without its CRLF, off @rest; find_end() made sure that each has one. */
static struct slice next_line(struct slice *rest)
{
    const char *lf = memchr(rest->data, '\n', rest->size);
    struct slice line;

    assert(lf && lf > rest->data);
    line = (struct slice){ rest->data, (size_t)(lf - rest->data) - 1 };
    rest->size -= line.size + 2;
    rest->data += line.size + 2;
    return line;
}

static bool cut(struct slice *rest, char separator, struct slice *ret_part)
{
    const char *at = memchr(rest->data, separator, rest->size);

    if (!at)
        return false;
    *ret_part = (struct slice){ rest->data, (size_t)(at - rest->data) };
    rest->size -= ret_part->size + 1;
    rest->data = at + 1;
    return true;
}

static int parse_version(struct slice s, unsigned *ret_minor, const char **ret_why)
{
    if (s.size != 8 || memcmp(s.data, "HTTP/", 5) != 0 || !char_is(s.data[5], CHAR_DIGIT) ||
        s.data[6] != '.' || !char_is(s.data[7], CHAR_DIGIT))
        return malformed(ret_why, "the HTTP version is malformed");
    if (s.data[5] != '1' || s.data[7] > '1')
        return refuse(HTTP_E_VERSION, ret_why, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    *ret_minor = (unsigned)(s.data[7] - '0');
    return 0;
}

/* RFC 9110 §7.2 and RFC 3986 §3.2, without user information; an empty host is legal in Host. */
static bool host_is_valid(struct slice s)
{
    struct slice name = s;
    uint64_t port;
    const char *colon;

    if (s.size > 0 && s.data[0] == '[') {
        const char *close = memchr(s.data, ']', s.size);

        if (!close || close == s.data + 1)
            return false;
        for (const char *c = s.data + 1; c < close; c++) {
            if (!char_is(*c, CHAR_HOST) && *c != ':')
                return false;
        }
        name = (struct slice){ close + 1, (size_t)(s.data + s.size - close) - 1 };
        if (name.size > 0 && name.data[0] != ':')
            return false;
    }
    colon = memchr(name.data ? name.data : "", ':', name.size);
    if (!colon)
        return chars_are(name, CHAR_HOST);
    if (!chars_are((struct slice){ name.data, (size_t)(colon - name.data) }, CHAR_HOST))
        return false;
    name = (struct slice){ colon + 1, (size_t)(name.data + name.size - colon) - 1 };
    return name.size == 0 || (name.size <= 5 && text_to_u64(name, 65535, &port) == 0);
}

/* The authority of an absolute-form target; an empty slice for the other forms. */
static int parse_target(const struct http_head *head, struct slice *ret_authority,
                        const char **ret_why)
{
    struct slice t = head->target;
    size_t scheme, n;

    *ret_authority = (struct slice){ 0 };
    if (t.size == 0 || !chars_are(t, CHAR_TARGET))
        return malformed(ret_why, "the request target holds a byte that may not stand there");
    if (slice_is(head->method, "CONNECT") || slice_is(head->method, "TRACE"))
        return refuse(HTTP_E_NOT_SUPPORTED, ret_why, "CONNECT and TRACE are not supported");
    if (t.data[0] == '/')
        return 0;
    if (slice_is(t, "*")) {
        if (!slice_is(head->method, "OPTIONS"))
            return malformed(ret_why, "the request target * is for OPTIONS only");
        return 0;
    }

    if (t.size > 7 && slice_is_nocase((struct slice){ t.data, 7 }, "http://"))
        scheme = 7;
    else if (t.size > 8 && slice_is_nocase((struct slice){ t.data, 8 }, "https://"))
        scheme = 8;
    else
        return malformed(ret_why, "the request target is neither a path nor an http URL");
    for (n = scheme; n < t.size && t.data[n] != '/' && t.data[n] != '?'; n++)
        ;
    *ret_authority = (struct slice){ t.data + scheme, n - scheme };
    if (n == scheme || t.data[scheme] == ':' || !host_is_valid(*ret_authority))
        return malformed(ret_why, "the host in the request target is malformed");
    return 0;
}

static int parse_request_line(struct slice line, const struct http_limits *limits,
                              struct http_head *head, const char **ret_why)
{
    if (!cut(&line, ' ', &head->method) || head->method.size == 0 ||
        !chars_are(head->method, CHAR_TOKEN))
        return malformed(ret_why, "the request method is malformed");
    if (!cut(&line, ' ', &head->target))
        return malformed(ret_why, "the request line lacks a target or a version");
    if (head->target.size > limits->target_bytes)
        return refuse(HTTP_E_URI_TOO_LONG, ret_why, "the request target is too long");
    return parse_version(line, &head->minor, ret_why);
}

static int parse_status_line(struct slice line, struct http_head *head, const char **ret_why)
{
    struct slice version;
    uint64_t status;
    int r;

    if (!cut(&line, ' ', &version))
        return malformed(ret_why, "the status line lacks a status");
    r = parse_version(version, &head->minor, ret_why);
    if (r)
        return r;
    /* Some servers leave out the space when there is no reason; nothing else can be meant. */
    if (line.size < 3 || text_to_u64((struct slice){ line.data, 3 }, 999, &status) != 0 ||
        status < 100 || (line.size > 3 && line.data[3] != ' '))
        return malformed(ret_why, "the status is malformed");
    head->status = (unsigned)status;
    if (line.size > 4)
        head->reason = (struct slice){ line.data + 4, line.size - 4 };
    if (!chars_are_value(head->reason))
        return malformed(ret_why, "the reason phrase holds a control byte");
    return 0;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Walk "a, b;q=1, c": takes the first member off @rest, without white space. */
static bool next_member(struct slice *rest, struct slice *ret_member)
{
    while (rest->size > 0) {
        if (!cut(rest, ',', ret_member)) {
            *ret_member = *rest;
            *rest = (struct slice){ 0 };
        }
        *ret_member = slice_trim(*ret_member);
        if (ret_member->size > 0)
            return true;
    }
    return false;
}

static int see_host(struct slice value, struct facts *facts, const char **ret_why)
{
    if (facts->n_hosts++ > 0)
        return malformed(ret_why, "there is more than one Host field");
    if (!host_is_valid(value))
        return malformed(ret_why, "the Host field is malformed");
    facts->host = value;
    return 0;
}

/* Lists of equal lengths, which RFC 9110 §8.6 lets a recipient accept, are refused too. */
static int see_content_length(struct slice value, struct facts *facts, const char **ret_why)
{
    if (facts->n_lengths++ > 0)
        return malformed(ret_why, "there is more than one Content-Length field");
    if (text_to_u64(value, INT64_MAX, &facts->length) != 0)
        return malformed(ret_why, "the Content-Length is malformed or too large");
    return 0;
}

static int see_transfer_encoding(struct slice value, struct facts *facts, const char **ret_why)
{
    struct slice coding;
    unsigned n_chunked = 0;
    bool others = false, last_is_chunked = false;

    if (facts->n_codings++ > 0)
        return malformed(ret_why, "there is more than one Transfer-Encoding field");
    while (next_member(&value, &coding)) {
        last_is_chunked = slice_is_nocase(coding, "chunked");
        if (last_is_chunked)
            n_chunked++;
        else
            others = true;
    }
    if ((!others && n_chunked != 1) || n_chunked > 1 || (n_chunked == 1 && !last_is_chunked))
        return malformed(ret_why, "the Transfer-Encoding is malformed");
    if (others)
        return refuse(HTTP_E_NOT_SUPPORTED, ret_why, "no transfer coding but chunked is supported");
    return 0;
}

static void see_expect(struct slice value, struct http_head *head, struct facts *facts)
{
    if (slice_is_nocase(value, "100-continue"))
        head->expect_continue = true;
    else
        facts->other_expectation = true;
}

static bool has_member(struct slice list, const char *wanted)
{
    struct slice member;

    while (next_member(&list, &member))
        if (slice_is_nocase(member, wanted))
            return true;
    return false;
}

/* Each option may name a field that ends here, and is looked for among all of them. */
static int see_connection(struct slice value, struct facts *facts, const char **ret_why)
{
    struct slice option;

    while (next_member(&value, &option)) {
        if (++facts->n_options > HTTP_CONNECTION_OPTIONS_MAX)
            return refuse(HTTP_E_TOO_LARGE, ret_why, "the Connection field has too many options");
        facts->close |= slice_is_nocase(option, "close");
        facts->keep_alive |= slice_is_nocase(option, "keep-alive");
        facts->connection_upgrade |= slice_is_nocase(option, "upgrade");
    }
    return 0;
}

/* The few fields that say something about the message itself; told apart by length first. */
static int see_field(const struct http_header *h, struct http_head *head, struct facts *facts,
                     const char **ret_why)
{
    switch (h->name.size) {
    case 2:
        if (slice_is_nocase(h->name, "te"))
            head->takes_trailers |= has_member(h->value, "trailers");
        break;
    case 4:
        if (slice_is_nocase(h->name, "host"))
            return see_host(h->value, facts, ret_why);
        break;
    case 6:
        if (slice_is_nocase(h->name, "expect") && head->minor > 0)
            see_expect(h->value, head, facts);
        break;
    case 7:
        if (slice_is_nocase(h->name, "upgrade"))
            facts->upgrade |= h->value.size > 0;
        break;
    case 10:
        if (slice_is_nocase(h->name, "connection"))
            return see_connection(h->value, facts, ret_why);
        break;
    case 14:
        if (slice_is_nocase(h->name, "content-length"))
            return see_content_length(h->value, facts, ret_why);
        break;
    case 17:
        if (slice_is_nocase(h->name, "transfer-encoding"))
            return see_transfer_encoding(h->value, facts, ret_why);
        break;
    }
    return 0;
}

static int parse_field(struct slice line, struct http_header *ret, const char **ret_why)
{
    size_t n = 0;

    if (line.data[0] == ' ' || line.data[0] == '\t')
        return malformed(ret_why, "a header field is folded over several lines");
    while (n < line.size && char_is(line.data[n], CHAR_TOKEN))
        n++;
    if (n == 0 || n == line.size || line.data[n] != ':')
        return malformed(ret_why, "a header field name is malformed");
    ret->name = (struct slice){ line.data, n };
    ret->value = slice_trim((struct slice){ line.data + n + 1, line.size - n - 1 });
    if (!chars_are_value(ret->value))
        return malformed(ret_why, "a header field holds a control byte");
    return 0;
}

static int parse_fields(struct slice rest, struct http_head *head, struct facts *facts,
                        const char **ret_why)
{
    struct slice line;
    int r;

    while ((line = next_line(&rest)).size > 0) {
        struct http_header *h = &head->headers[head->n_headers];

        if (head->n_headers == HTTP_HEADERS_MAX)
            return refuse(HTTP_E_TOO_LARGE, ret_why, "there are too many header fields");
        r = parse_field(line, h, ret_why);
        if (r)
            return r;
        head->n_headers++;
        r = see_field(h, head, facts, ret_why);
        if (r)
            return r;
    }
    return 0;
}

/* --- what follows from the fields ------------------------------------------------------------- */

static int decide_framing(struct http_head *head, const struct facts *facts, const char **ret_why)
{
    if (facts->n_codings > 0 && facts->n_lengths > 0)
        return malformed(ret_why, "there are both Content-Length and Transfer-Encoding");
    if (facts->n_codings > 0 && head->minor == 0)
        return malformed(ret_why, "HTTP/1.0 knows no Transfer-Encoding");

    if (facts->n_codings > 0)
        head->framing = HTTP_BODY_CHUNKED;
    else if (facts->n_lengths > 0)
        head->framing = HTTP_BODY_LENGTH;
    else
        head->framing = HTTP_BODY_NONE;
    head->content_length = facts->length;
    head->keep_alive = !facts->close && (head->minor > 0 || facts->keep_alive);
    head->upgrade = facts->connection_upgrade && facts->upgrade && head->minor > 0;
    return 0;
}

/* An absolute-form target overrides Host (RFC 9112 §3.2.2). */
static int decide_host(struct http_head *head, const struct facts *facts, struct slice authority,
                       const char **ret_why)
{
    if (facts->n_hosts == 0 && head->minor > 0)
        return malformed(ret_why, "there is no Host field");
    head->host = authority.size > 0 ? authority : facts->host;
    return 0;
}

/* RFC 9112 §6.3. An answer that may have no body but announces one would be read in two ways. */
static int decide_answer_body(struct http_head *head, struct slice method, const char **ret_why)
{
    bool connected = slice_is(method, "CONNECT") && head->status / 100 == 2;
    bool bodyless = head->status / 100 == 1 || head->status == 204;

    if (bodyless && (head->framing == HTTP_BODY_CHUNKED || head->content_length > 0))
        return malformed(ret_why, "an answer without a body announces one");
    if (bodyless || connected || head->status == 304 || slice_is(method, "HEAD")) {
        head->framing = HTTP_BODY_NONE;
        head->content_length = 0;
    } else if (head->framing == HTTP_BODY_NONE) {
        head->framing = HTTP_BODY_CLOSE;
        head->keep_alive = false;
    }
    return 0;
}

/* --- the two kinds of head -------------------------------------------------------------------- */

static int read_request(struct slice rest, const struct http_limits *limits, struct http_head *head,
                        const char **ret_why)
{
    struct facts facts = { 0 };
    struct slice authority;
    int r;

    r = parse_request_line(next_line(&rest), limits, head, ret_why);
    if (!r)
        r = parse_target(head, &authority, ret_why);
    if (!r)
        r = parse_fields(rest, head, &facts, ret_why);
    if (!r)
        r = decide_host(head, &facts, authority, ret_why);
    if (!r)
        r = decide_framing(head, &facts, ret_why);
    if (!r && facts.other_expectation)
        r = refuse(HTTP_E_EXPECTATION, ret_why, "no expectation but 100-continue can be met");
    return r;
}

static int read_response(struct slice rest, struct slice method, struct http_head *head,
                         const char **ret_why)
{
    struct facts facts = { 0 };
    int r;

    r = parse_status_line(next_line(&rest), head, ret_why);
    if (!r)
        r = parse_fields(rest, head, &facts, ret_why);
    if (!r)
        r = decide_framing(head, &facts, ret_why);
    if (!r)
        r = decide_answer_body(head, method, ret_why);
    return r;
}

/* The fields are left as they are: writing all of them for each message would cost more than
 * parsing it. */
static void clear(struct http_head *head)
{
    memset(head, 0, offsetof(struct http_head, headers));
}

int http_parse_request(const char *data, size_t size, const struct http_limits *limits,
                       size_t *scanned, struct http_head *ret_head, size_t *ret_size,
                       const char **ret_why)
{
    size_t visible = size < limits->head_bytes ? size : limits->head_bytes;
    size_t start = skip_empty_lines(data, visible), end;
    int r;

    if (start < visible && data[start] != '\r' && !char_is(data[start], CHAR_TOKEN))
        return malformed(ret_why, "the request method is malformed");
    r = find_end(data, visible, start, scanned, &end, ret_why);
    if (r == HTTP_AGAIN && visible == limits->head_bytes)
        return too_large(data, start, visible, true, ret_why);
    if (r)
        return r;

    clear(ret_head);
    r = read_request((struct slice){ data + start, end - start }, limits, ret_head, ret_why);
    if (!r)
        *ret_size = end;
    return r;
}

int http_parse_response(const char *data, size_t size, struct slice method,
                        const struct http_limits *limits, size_t *scanned,
                        struct http_head *ret_head, size_t *ret_size, const char **ret_why)
{
    size_t visible = size < limits->head_bytes ? size : limits->head_bytes, end;
    int r;

    if (visible > 0 && data[0] != 'H')
        return malformed(ret_why, "this is not an HTTP answer");
    r = find_end(data, visible, 0, scanned, &end, ret_why);
    if (r == HTTP_AGAIN && visible == limits->head_bytes)
        return too_large(data, 0, visible, false, ret_why);
    if (r)
        return r;

    clear(ret_head);
    r = read_response((struct slice){ data, end }, method, ret_head, ret_why);
    if (!r)
        *ret_size = end;
    return r;
}
