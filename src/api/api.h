/* api/api.h: the AWS APIs, served on the Unix socket that the proxy forwards to. */
#pragma once
#include "control/control.h"

struct api;

/** api_new() - serve what connects to @listen_fd, on @control's loop
 * @listen_fd: borrowed; non-blocking */
int api_new(struct control *control, struct log *log, int listen_fd, struct api **ret_api);
/** api_free() - closes every connection */
struct api *api_free(struct api *api);
DEFINE_AUTOFREE(struct api *, api_free)
