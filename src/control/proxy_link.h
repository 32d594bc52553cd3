/* control/proxy_link.h: control's end of the link to the proxies.
 *
 * Listens on a Unix socket that the supervisor opened; one proxy is connected, or several while one
 * hands over to the next. Each gets a snapshot when it says hello, then every changed object; it is never sent less
 * than it may already serve: nothing is said before proxy_link_open(), which control calls when all
 * instances that outlived it are adopted. Reports go to telemetry, events to reconcile.
 */
#pragma once
#include "control/endpoint.h"
#include "control/instance.h"

struct key;

enum {
    PROXY_LINK_REQUEST_TIMEOUT_MS = 60000, /* of SageMaker's real-time endpoints */
    PROXY_LINK_STREAM_TIMEOUT_MS = 480000, /* of its streamed answers */
    PROXY_LINK_DEREGISTRATION_DELAY_MS = PROXY_LINK_STREAM_TIMEOUT_MS, /* cuts off no request */
    PROXY_LINK_BODY_BYTES_MAX = 6 << 20,                               /* InvokeEndpoint's limit */
};

int proxy_link_new(struct control *c, struct proxy_link **ret);
struct proxy_link *proxy_link_free(struct proxy_link *l);
DEFINE_AUTOFREE(struct proxy_link *, proxy_link_free)

/** proxy_link_open() - start to serve on @listen_fd, borrowed. Return: 0 or -errno. */
int proxy_link_open(struct proxy_link *l, int listen_fd);

/* Say that an object changed. Return: the revision of the change; it is served when
 * proxy_link_serves(that revision). A variant or endpoint that is no more is said by name. */
uint64_t proxy_link_endpoint(struct proxy_link *l, const struct endpoint *e);
uint64_t proxy_link_target_group(struct proxy_link *l, const struct variant *v);
uint64_t proxy_link_key(struct proxy_link *l, const struct key *k);
uint64_t proxy_link_no_key(struct proxy_link *l, const char *id);
uint64_t proxy_link_no_endpoint(struct proxy_link *l, const char *name);
uint64_t proxy_link_no_target_group(struct proxy_link *l, const char *group);

/** proxy_link_serves() - every proxy acknowledged @revision; true also while none has said hello, as
 * the next one begins with a snapshot */
bool proxy_link_serves(const struct proxy_link *l, uint64_t revision);
bool proxy_link_connected(const struct proxy_link *l);
