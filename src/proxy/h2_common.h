/* proxy/h2_common.h: what connections of HTTP/2 toward clients and toward targets have in common.
 *
 * Both leave windows to whoever takes the content, bound what a peer may leave unread, and hear of the
 * same things from nghttp2; what these mean differs (h2_session.c, upstream_h2_frames.c).
 */
#pragma once
#include <nghttp2/nghttp2.h>

#include "http/h2_head.h"

/* As nghttp2 names them; those that are NULL are not told. */
struct h2_callbacks {
    nghttp2_on_begin_headers_callback begin_headers;
    nghttp2_on_header_callback take_field;
    nghttp2_on_invalid_header_callback bad_field;
    nghttp2_on_frame_recv_callback frame_received;
    nghttp2_on_invalid_frame_recv_callback invalid_frame;
    nghttp2_on_data_chunk_recv_callback content_received;
    nghttp2_on_frame_send_callback frame_sent;
    nghttp2_on_frame_not_send_callback frame_not_sent;
    nghttp2_on_stream_close_callback stream_closed;
};

enum h2_side { H2_SERVER, H2_CLIENT };

/** h2_new() - @context: for the callbacks. Return: 0 or -ENOMEM. */
int h2_new(enum h2_side side, const struct h2_callbacks *callbacks, void *context,
           nghttp2_session **ret_session);

/** h2_name_values() - @f as nghttp2 wants it. Return: how many there are. */
size_t h2_name_values(const struct h2_fields *f, nghttp2_nv ret_values[H2_FIELDS_MAX]);
