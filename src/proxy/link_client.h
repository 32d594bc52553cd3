/* proxy/link_client.h: the proxy's end of the link to control.
 *
 * Connects, says hello, hands over what control says. When the connection is lost it comes back
 * with a short backoff, for ever: until then the proxy goes on with what it knows.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "net/address.h"
#include "wire/link.h"

struct link_client;

enum {
    LINK_CLIENT_E_DOWN = 1, /* nobody is connected; the message is dropped */
};

struct link_client_events {
    /* Control said this. What is taken out of @m is to be left empty. */
    void (*message)(struct link_message *m, void *context);
    /* A connection was made; control knows nothing of what was said on earlier ones. */
    void (*connected)(void *context);
    void *context;
};

int link_client_new(struct loop *loop, struct log *log, const struct address *address,
                    const struct link_client_events *events, struct link_client **ret_client);
struct link_client *link_client_free(struct link_client *c);
DEFINE_AUTOFREE(struct link_client *, link_client_free)

/** link_client_send() - Return: 0, LINK_CLIENT_E_DOWN or -ENOMEM. A control that does not read is
 * disconnected when 16 MiB are waiting for it. */
int link_client_send(struct link_client *c, const struct link_message *m);
