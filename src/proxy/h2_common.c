#include "proxy/h2_common.h"

#include <errno.h>

enum {
    ACKS_MAX = 100,              /* of pings and settings that the peer does not read */
    BLOCK_BYTES_MAX = 256 << 10, /* of a head: what we take, and what we add */
};

static int make_options(enum h2_side side, nghttp2_option **ret)
{
    if (nghttp2_option_new(ret))
        return -ENOMEM;
    nghttp2_option_set_no_auto_window_update(*ret, 1);
    nghttp2_option_set_max_outbound_ack(*ret, ACKS_MAX);
    nghttp2_option_set_max_send_header_block_length(*ret, BLOCK_BYTES_MAX);
    if (side == H2_SERVER)
        nghttp2_option_set_no_closed_streams(*ret, 1);
    return 0;
}

static int make_callbacks(const struct h2_callbacks *from, nghttp2_session_callbacks **ret)
{
    if (nghttp2_session_callbacks_new(ret))
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_begin_headers_callback(*ret, from->begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(*ret, from->take_field);
    nghttp2_session_callbacks_set_on_invalid_header_callback(*ret, from->bad_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(*ret, from->frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(*ret, from->invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*ret, from->content_received);
    nghttp2_session_callbacks_set_on_frame_send_callback(*ret, from->frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(*ret, from->frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(*ret, from->stream_closed);
    return 0;
}

int h2_new(enum h2_side side, const struct h2_callbacks *callbacks, void *context,
           nghttp2_session **ret_session)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_option *o = NULL;
    int r = make_callbacks(callbacks, &c);

    if (!r)
        r = make_options(side, &o);
    if (!r && side == H2_SERVER)
        r = nghttp2_session_server_new2(ret_session, c, context, o);
    else if (!r)
        r = nghttp2_session_client_new2(ret_session, c, context, o);
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(c);
    return r ? -ENOMEM : 0;
}

size_t h2_name_values(const struct h2_fields *f, nghttp2_nv ret_values[H2_FIELDS_MAX])
{
    for (size_t i = 0; i < f->n; i++)
        ret_values[i] =
            (nghttp2_nv){ (uint8_t *)f->all[i].name.data, (uint8_t *)f->all[i].value.data,
                          f->all[i].name.size, f->all[i].value.size, NGHTTP2_NV_FLAG_NONE };
    return f->n;
}
