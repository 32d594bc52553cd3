#include "cli/load_target.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/sigv4.h"
#include "base/error.h"
#include "http/writer.h"

static const char service[] = "sagemaker";

/* --- where ------------------------------------------------------------------------------------ */

static int refuse(char *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, LOAD_TARGET_WHY_BYTES, format, args);
    va_end(args);
    return -EINVAL;
}

/* @authority: "HOST" or "HOST:PORT" */
static int look_up(const char *authority, struct address *ret, char *ret_why)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    autofree(mem_free) char *host = strdup(authority);
    struct addrinfo *found;
    uint64_t port;
    char *colon;
    int r;

    if (!host)
        return -ENOMEM;
    colon = strrchr(host, ':');
    if (colon)
        *colon = '\0';
    if (colon && text_to_u64(slice_from(colon + 1), UINT16_MAX, &port))
        return refuse(ret_why, "'%s' is not a port", colon + 1);
    r = getaddrinfo(host, colon ? colon + 1 : "80", &hints, &found);
    if (r)
        return refuse(ret_why, "%s: %s", authority, gai_strerror(r));
    *ret = (struct address){ .size = found->ai_addrlen };
    memcpy(&ret->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static int find_address(const char *authority, struct address *ret, char *ret_why)
{
    autofree(mem_free) char *with_port = text_format("%s:80", authority);

    if (!with_port)
        return -ENOMEM;
    if (authority[0] == '\0' || authority[0] == ':')
        return refuse(ret_why, "the URL names no host");
    if (address_parse(authority, ret) == 0 || address_parse(with_port, ret) == 0)
        return 0;
    return look_up(authority, ret, ret_why);
}

int load_target_locate(struct load_target *target, const char *url,
                       char ret_why[LOAD_TARGET_WHY_BYTES])
{
    static const char scheme[] = "http://";
    const char *authority = url + strlen(scheme), *path, *query;
    struct slice path_slice;

    snprintf(ret_why, LOAD_TARGET_WHY_BYTES, "%s", strerror(ENOMEM));
    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return refuse(ret_why, "'%s' does not begin with http://", url);
    path = authority + strcspn(authority, "/?");
    query = path + strcspn(path, "?");

    target->host = slice_dup((struct slice){ authority, (size_t)(path - authority) });
    path_slice = (struct slice){ path, (size_t)(query - path) };
    target->path = slice_dup(path_slice.size ? path_slice : SLICE("/"));
    target->query = strdup(query[0] ? query + 1 : "");
    if (!target->host || !target->path || !target->query)
        return -ENOMEM;
    return find_address(target->host, &target->address, ret_why);
}

/* --- what ------------------------------------------------------------------------------------- */

static int add_body(struct load_target *target, struct slice body)
{
    size_t n = target->n_bodies;

    if ((n & (n - 1)) == 0) {
        struct slice *grown = reallocarray(target->bodies, n ? 2 * n : 1, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        target->bodies = grown;
    }
    target->bodies[target->n_bodies++] = body;
    return 0;
}

int load_target_set_bodies(struct load_target *target, char *bytes, size_t size, bool lines)
{
    int r = 0;

    target->body_bytes = bytes;
    if (!lines)
        return add_body(target, (struct slice){ bytes, size });
    for (size_t at = 0; !r && at < size;) {
        const char *newline = memchr(bytes + at, '\n', size - at);
        size_t n = newline ? (size_t)(newline - (bytes + at)) : size - at;
        struct slice line = { bytes + at, n };

        at += n + 1;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (line.size > 0)
            r = add_body(target, line);
    }
    return r ? r : target->n_bodies ? 0 : -EINVAL;
}

static int write_head(const struct load_target *target, const struct http_header *headers,
                      size_t n_headers, size_t body_size, struct buffer *out)
{
    int r = buffer_printf(out, "%s %s%s%s HTTP/1.1\r\n", target->method, target->path,
                          target->query[0] ? "?" : "", target->query);

    for (size_t i = 0; !r && i < n_headers; i++)
        r = buffer_printf(out, "%.*s: %.*s\r\n", (int)headers[i].name.size, headers[i].name.data,
                          (int)headers[i].value.size, headers[i].value.data);
    if (!r && target->n_bodies > 0)
        r = http_write_header_number(out, "Content-Length", body_size);
    return r;
}

/* Signed anew for each request: the signature covers the second it was made in. */
static int write_signature(const struct load_target *target, const struct http_header *headers,
                           size_t n_headers, struct slice body, wall_ms_t now, struct buffer *out)
{
    const struct access *access = target->access;
    const struct sigv4_key key = { .access_key_id = access->access_key_id,
                                   .secret_access_key = access->secret_access_key,
                                   .session_token = access->session_token };
    autofree(mem_free) char *authorization = NULL;
    char amz_date[17];
    int r = sigv4_sign(&key, access->region, service, target->method, slice_from(target->path),
                       slice_from(target->query), headers, n_headers, body, now, amz_date,
                       &authorization);

    if (r)
        return fault(r);
    r = http_write_header_text(out, "X-Amz-Date", amz_date);
    if (!r && access->session_token)
        r = http_write_header_text(out, "X-Amz-Security-Token", access->session_token);
    if (!r)
        r = http_write_header_text(out, "Authorization", authorization);
    return r;
}

int load_target_message(const struct load_target *target, uint64_t index, wall_ms_t now,
                        struct buffer *out)
{
    struct slice body = target->n_bodies ? target->bodies[index % target->n_bodies] : SLICE("");
    const struct http_header headers[] = {
        { SLICE("Host"), slice_from(target->host) },
        { SLICE("Content-Type"), slice_from(target->content_type) },
    };
    size_t n_headers = target->n_bodies > 0 && target->content_type ? 2 : 1;
    int r;

    r = write_head(target, headers, n_headers, body.size, out);
    if (!r && target->access)
        r = write_signature(target, headers, n_headers, body, now, out);
    if (!r)
        r = http_write_end(out);
    if (!r)
        r = buffer_append(out, body.data, body.size);
    return fault(r);
}

void load_target_deinit(struct load_target *target)
{
    free(target->host);
    free(target->path);
    free(target->query);
    free(target->content_type);
    free(target->body_bytes);
    free(target->bodies);
    access_free(target->access);
    *target = (struct load_target){ 0 };
}
