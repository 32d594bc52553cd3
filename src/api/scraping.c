#include "api/scraping.h"

#include <stdio.h>
#include <string.h>

#include "control/scrape.h"
#include "net/address.h"

enum { ACCEPT_BYTES = 512 };

static bool is_local(struct slice client)
{
    autofree(mem_free) char *text = slice_dup(client);
    struct address address;

    return text && address_parse(text, &address) == 0 && address_is_loopback(&address);
}

static bool may(const struct control *c, const struct http_head *head)
{
    return c->settings.scrape == SCRAPE_OPEN ||
           http_header_value(head, "X-Weir-Principal").size > 0 ||
           is_local(http_header_value(head, "X-Weir-Client"));
}

bool scraping_asked(const struct control *c, const struct http_head *head)
{
    static const char path[] = "/metrics";
    size_t n = sizeof(path) - 1;

    return slice_is(head->method, "GET") && head->target.size >= n &&
           memcmp(head->target.data, path, n) == 0 &&
           (head->target.size == n || head->target.data[n] == '?') &&
           c->settings.scrape != SCRAPE_OFF;
}

void scraping_answer(struct control *c, const struct http_head *head, struct answer *a)
{
    struct slice asked = http_header_value(head, "Accept");
    char accept[ACCEPT_BYTES];
    enum exposition_format format;

    if (!may(c, head)) {
        answer_text(a, 403, "text/plain",
                    "Metrics are for scrapers on this machine and for signed requests. To open "
                    "them to all: weir serve --metrics open\n");
        return;
    }
    snprintf(accept, sizeof(accept), "%.*s", (int)asked.size, asked.size > 0 ? asked.data : "");
    format = exposition_format(accept);
    answer_text(a, 200, exposition_content_type(format), "");
    if (scrape(c, format, &a->body) != 0)
        answer_text(a, 500, "text/plain", "There is no memory for the metrics.\n");
}
