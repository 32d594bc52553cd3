#include "api/api.h"

#include <errno.h>
#include <stdlib.h>

#include "api/dispatch.h"
#include "base/error.h"

enum { BODY_BYTES_MAX = 8 << 20 };

struct api {
    struct dispatcher dispatcher;
    struct server *server;
};

static void handle(struct server_request *request, void *context)
{
    struct api *api = context;
    struct control *control = api->dispatcher.control;
    struct answer a;

    answer_init(&a, &control->random);
    dispatch(&api->dispatcher, server_request_head(request), server_request_body(request),
             loop_wall(control->loop), &a);
    server_reply(request, a.status, a.headers, a.n_headers,
                 (struct slice){ buffer_data(&a.body), buffer_size(&a.body) });
    answer_deinit(&a);
}

int api_new(struct control *control, struct log *log, int listen_fd, struct api **ret_api)
{
    struct server_settings settings = SERVER_SETTINGS_DEFAULT;
    autofree(api_free) struct api *api = calloc(1, sizeof(*api));
    int r;

    if (!api)
        return fault(-ENOMEM);
    settings.body_bytes_max = BODY_BYTES_MAX;
    api->dispatcher = (struct dispatcher){ .control = control, .log = log };
    r = patterns_new(&api->dispatcher.patterns);
    if (r)
        return fault(r);
    r = server_new(control->loop, log, listen_fd, &settings, handle, api, &api->server);
    if (r)
        return fault(r);
    *ret_api = steal(api);
    return 0;
}

struct api *api_free(struct api *api)
{
    if (!api)
        return NULL;
    server_free(api->server);
    patterns_free(api->dispatcher.patterns);
    free(api);
    return NULL;
}
