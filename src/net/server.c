#include "net/server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/connection.h"

enum {
    ACCEPTS_A_TURN = 64,
    ACCEPT_PAUSE_MS = 100,
    REFUSALS_MAX = 64, /* connections over the limit that may be told so at the same time */
};

static void pause_accepting(struct server *server, int error)
{
    log_warn(server->log, "cannot accept connections", "why=\"%s\" retry_ms=%d", strerror(error),
             ACCEPT_PAUSE_MS);
    if (loop_io_change(&server->listener, 0) == 0)
        loop_timer_after(&server->accept_again, ACCEPT_PAUSE_MS);
}

static void accept_again(struct loop_timer *timer)
{
    struct server *server = container_of(timer, struct server, accept_again);

    if (server->listener.loop && loop_io_change(&server->listener, LOOP_READ))
        loop_timer_after(&server->accept_again, ACCEPT_PAUSE_MS);
}

static void admit(struct server *server, int fd)
{
    unsigned max = server->settings.connections_max;
    int r;

    if (server->n_connections >= max + REFUSALS_MAX) {
        fd_close(fd);
        return;
    }
    r = connection_new(server, fd, server->n_connections >= max);
    if (r)
        log_error(server->log, "connection dropped", "why=\"%s\"", strerror(-r));
}

static void accept_ready(struct loop_io *io, unsigned events)
{
    struct server *server = container_of(io, struct server, listener);

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN && server->listener.loop; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(server, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(server, errno);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

void server_adopt(struct server *server, int fd)
{
    if (server->draining)
        fd_close(fd);
    else
        admit(server, fd);
}

static void drained(struct loop_task *task)
{
    struct server *server = container_of(task, struct server, drained_task);

    server->drained(server->drained_context);
}

int server_new(struct loop *loop, struct log *log, int listen_fd,
               const struct server_settings *settings,
               void (*handle)(struct server_request *request, void *context), void *context,
               struct server **ret_server)
{
    struct server *server = calloc(1, sizeof(*server));
    int r;

    if (!server)
        return -ENOMEM;
    *server = (struct server){
        .loop = loop, .log = log, .settings = *settings, .handle = handle, .context = context
    };
    list_init(&server->connections);
    loop_timer_init(loop, &server->accept_again, accept_again);
    loop_task_init(&server->drained_task, drained);
    r = loop_io_add(loop, &server->listener, listen_fd, LOOP_READ, accept_ready);
    if (r) {
        free(server);
        return fault(r);
    }
    *ret_server = server;
    return 0;
}

static void stop_accepting(struct server *server)
{
    loop_io_remove(&server->listener);
    loop_timer_cancel(&server->accept_again);
}

struct server *server_free(struct server *server)
{
    if (!server)
        return NULL;
    stop_accepting(server);
    server->draining = false; /* nobody waits for the end any more */
    while (!list_empty(&server->connections))
        connection_close(connection_of(list_first(&server->connections)));
    loop_task_cancel(&server->drained_task);
    free(server);
    return NULL;
}

void server_drain(struct server *server, void (*done)(void *context), void *context)
{
    struct list all;
    struct list_link *l;

    stop_accepting(server);
    server->draining = true;
    server->drained = done;
    server->drained_context = context;

    list_init(&all);
    list_move(&server->connections, &all);
    while ((l = list_first(&all))) { /* connection_drain() may close it, or move it nowhere */
        list_remove(l);
        list_push_back(&server->connections, l);
        connection_drain(connection_of(l));
    }
    if (server->n_connections == 0)
        loop_defer(server->loop, &server->drained_task);
}

void server_forget(struct server *server)
{
    server->n_connections--;
    if (server->draining && server->n_connections == 0)
        loop_defer(server->loop, &server->drained_task);
}
