#include "http/message.h"

#include <string.h>

const struct http_header *http_header_find(const struct http_head *head, const char *name)
{
    struct slice wanted = slice_from(name);

    for (unsigned i = 0; i < head->n_headers; i++) {
        if (slice_equal_nocase(head->headers[i].name, wanted))
            return &head->headers[i];
    }
    return NULL;
}

struct slice http_header_value(const struct http_head *head, const char *name)
{
    const struct http_header *h = http_header_find(head, name);

    return h ? h->value : (struct slice){ 0 };
}

/* RFC 9110 §15, and RFC 6585 for 428, 429 and 431. */
static const char *const reasons[][32] = {
    [1] = { "Continue", "Switching Protocols", "Processing", "Early Hints" },
    [2] = { "OK", "Created", "Accepted", "Non-Authoritative Information", "No Content",
            "Reset Content", "Partial Content" },
    [3] = { "Multiple Choices", "Moved Permanently", "Found", "See Other", "Not Modified",
            "Use Proxy", [7] = "Temporary Redirect", [8] = "Permanent Redirect" },
    [4] = { "Bad Request",
            "Unauthorized",
            "Payment Required",
            "Forbidden",
            "Not Found",
            "Method Not Allowed",
            "Not Acceptable",
            "Proxy Authentication Required",
            "Request Timeout",
            "Conflict",
            "Gone",
            "Length Required",
            "Precondition Failed",
            "Content Too Large",
            "URI Too Long",
            "Unsupported Media Type",
            "Range Not Satisfiable",
            "Expectation Failed",
            [21] = "Misdirected Request",
            [22] = "Unprocessable Content",
            [24] = "Failed Dependency",
            [25] = "Too Early",
            [26] = "Upgrade Required",
            [28] = "Precondition Required",
            [29] = "Too Many Requests",
            [31] = "Request Header Fields Too Large" },
    [5] = { "Internal Server Error", "Not Implemented", "Bad Gateway", "Service Unavailable",
            "Gateway Timeout", "HTTP Version Not Supported", [7] = "Insufficient Storage" },
};

const char *http_reason(unsigned status)
{
    const char *reason = NULL;

    if (status >= 100 && status < 600 && status % 100 < 32)
        reason = reasons[status / 100][status % 100];
    return reason ? reason : "Unknown";
}
