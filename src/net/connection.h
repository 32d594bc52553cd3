/* net/connection.h: one client's connection to a server: the inside of net/server.h.
 *
 * A connection goes round: HEAD, BODY, HANDLING, WRITING, HEAD ... One request is in hand at a
 * time; pipelined ones wait in the receive buffer, or in the kernel. After an error, or the last
 * answer, it lingers: what the client still sends is read and dropped for a moment, since closing
 * on unread bytes would reset the connection and could take the answer away from the client.
 */
#pragma once
#include "net/intake.h"
#include "net/server.h"

struct server {
    struct loop *loop;
    struct log *log;
    struct server_settings settings;
    void (*handle)(struct server_request *request, void *context);
    void *context;
    struct loop_io listener;
    struct loop_timer accept_again; /* after running out of descriptors */
    struct list connections;
    unsigned n_connections;
    bool draining;
    void (*drained)(void *context);
    void *drained_context;
    struct loop_task drained_task;
};

/* connection_new() - serve @fd, which becomes the connection's. @refuse: answer 503 and close.
 * Return: 0 or a negative errno; then @fd is closed. */
int connection_new(struct server *server, int fd, bool refuse);

/* connection_close() - cancels the request in hand */
struct connection;
void connection_close(struct connection *c);
/* connection_drain() - close as soon as nothing is in hand */
void connection_drain(struct connection *c);
/* the connection that @l is a member of */
struct connection *connection_of(struct list_link *l);

/* server_forget() - the connection is gone */
void server_forget(struct server *server);
