#include "fleet/fake.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/list.h"
#include "base/text.h"

enum { REQUEST_BYTES_MAX = 4096, BACKLOG = 64 };

struct instance {
    struct list_link link;
    struct fake *fake;
    char *id;
    struct driver_handle handle;
    struct instance_usage usage;
    int fd;
    struct loop_io listener;
    struct list connections;
    bool ready, terminating;
    char *death; /* why it died; NULL while it lives */
};

struct connection {
    struct list_link link;
    struct instance *instance;
    int fd;
    struct loop_io io;
    size_t n;
    char request[REQUEST_BYTES_MAX];
};

struct fake {
    struct driver base;
    struct loop *loop;
    struct driver_events events;
    struct list instances, dead;
    struct loop_task bury;
    bool ready_at_launch, obedient, local;
    unsigned fail_in;
    int fail_with;
    unsigned n_launches;
};

static const struct driver_ops fake_ops;

static struct fake *fake_of(struct driver *d)
{
    assert(d->ops == &fake_ops);
    return (struct fake *)d;
}

static struct instance *find(struct fake *f, const char *id)
{
    list_for_each (i, &f->instances, struct instance, link)
        if (strcmp(i->id, id) == 0)
            return i;
    return NULL;
}

/* --- what an instance answers ----------------------------------------------------------------- */

static void connection_close(struct connection *c)
{
    loop_io_remove(&c->io);
    list_remove(&c->link);
    fd_close(c->fd);
    free(c);
}

static void answer(struct connection *c)
{
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char bad[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n";
    const char *text = c->instance->ready ? good : bad;

    /* A client that went away sees nothing of it; a fresh socket has room for these few bytes. */
    (void)!send(c->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void connection_ready(struct loop_io *io, unsigned events)
{
    struct connection *c = container_of(io, struct connection, io);
    ssize_t n = recv(c->fd, c->request + c->n, sizeof(c->request) - c->n, 0);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        c->n += (size_t)n;
        if (memmem(c->request, c->n, "\r\n\r\n", 4))
            answer(c);
        else if (c->n < sizeof(c->request))
            return;
    }
    connection_close(c);
}

static void listener_ready(struct loop_io *io, unsigned events)
{
    struct instance *i = container_of(io, struct instance, listener);
    int fd = accept4(i->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c;

    (void)events;
    if (fd < 0)
        return;
    c = calloc(1, sizeof(*c));
    if (!c || loop_io_add(i->fake->loop, &c->io, fd, LOOP_READ, connection_ready)) {
        free(c);
        fd_close(fd);
        return;
    }
    c->instance = i;
    c->fd = fd;
    list_push_back(&i->connections, &c->link);
}

static int instance_listen(struct instance *i)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(a);

    i->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (i->fd < 0 || bind(i->fd, (struct sockaddr *)&a, size) < 0 || listen(i->fd, BACKLOG) < 0 ||
        getsockname(i->fd, (struct sockaddr *)&a, &size) < 0)
        return fault(-errno);
    snprintf(i->handle.address, sizeof(i->handle.address), "127.0.0.1:%u",
             (unsigned)ntohs(a.sin_port));
    return fault(loop_io_add(i->fake->loop, &i->listener, i->fd, LOOP_READ, listener_ready));
}

static void instance_hang_up(struct instance *i)
{
    list_for_each_safe (c, &i->connections, struct connection, link)
        connection_close(c);
    loop_io_remove(&i->listener);
    i->fd = fd_close(i->fd);
}

static struct instance *instance_free(struct instance *i)
{
    if (!i)
        return NULL;
    instance_hang_up(i);
    list_remove(&i->link);
    free(i->id);
    free(i->death);
    free(i);
    return NULL;
}
DEFINE_AUTOFREE(struct instance *, instance_free)

/* --- the driver's table ----------------------------------------------------------------------- */

static int fake_launch(struct driver *d, const struct instance_spec *spec,
                       struct driver_handle *ret_handle, char **ret_why)
{
    autofree(instance_free) struct instance *i = NULL;
    struct fake *f = fake_of(d);
    int r;

    f->n_launches++;
    if (f->fail_in > 0 && --f->fail_in == 0) {
        if (f->fail_with == DRIVER_E_REFUSED)
            *ret_why = strdup("the test refuses this launch");
        return f->fail_with;
    }
    i = calloc(1, sizeof(*i));
    if (!i)
        return fault(-ENOMEM);
    list_link_init(&i->link);
    list_init(&i->connections);
    i->fake = f;
    i->fd = -1;
    i->ready = f->ready_at_launch;
    i->id = strdup(spec->id);
    if (!i->id)
        return fault(-ENOMEM);
    r = instance_listen(i);
    if (r)
        return fault(r);
    snprintf(i->handle.text, sizeof(i->handle.text), "fake:%u", f->n_launches);

    *ret_handle = i->handle;
    list_push_back(&f->instances, &i->link);
    i = NULL;
    return 0;
}

/* Like the process driver: a launch whose handle nobody has stored is ended. */
static int fake_adopt(struct driver *d, const char *id, const struct driver_handle *handle)
{
    struct instance *i = find(fake_of(d), id);

    if (i && handle->text[0] == '\0')
        fake_driver_die(d, id, "its launch was cut short");
    return i && strcmp(i->handle.text, handle->text) == 0 ? 0 : DRIVER_E_GONE;
}

static int fake_terminate(struct driver *d, const char *id)
{
    struct fake *f = fake_of(d);
    struct instance *i = find(f, id);

    if (!i)
        return DRIVER_E_UNKNOWN;
    i->terminating = true;
    if (f->obedient)
        fake_driver_die(d, id, "the process was stopped by signal 15 (Terminated)");
    return 0;
}

static int fake_kill(struct driver *d, const char *id)
{
    if (!find(fake_of(d), id))
        return DRIVER_E_UNKNOWN;
    fake_driver_die(d, id, "the process was killed by signal 9 (Killed)");
    return 0;
}

static int fake_usage(struct driver *d, const char *id, struct instance_usage *ret_usage)
{
    struct instance *i = find(fake_of(d), id);

    if (!i)
        return DRIVER_E_UNKNOWN;
    *ret_usage = i->usage;
    return 0;
}

static bool fake_local_address(struct driver *d, const char *id,
                               char ret_address[DRIVER_ADDRESS_BYTES])
{
    const struct instance *i = find(fake_of(d), id);

    if (!i || !fake_of(d)->local)
        return false;
    snprintf(ret_address, DRIVER_ADDRESS_BYTES, "unix:/run/%s.sock", id);
    return true;
}

static char *fake_log_tail(struct driver *d, const char *id, unsigned lines)
{
    return lines > 0 && find(fake_of(d), id) ? text_format("output of %s", id) : NULL;
}

static void fake_free(struct driver *d)
{
    struct fake *f = fake_of(d);

    loop_task_cancel(&f->bury);
    list_for_each_safe (i, &f->instances, struct instance, link)
        instance_free(i);
    list_for_each_safe (i, &f->dead, struct instance, link)
        instance_free(i);
    free(f);
}

static const struct driver_ops fake_ops = {
    .name = "fake",
    .launch = fake_launch,
    .adopt = fake_adopt,
    .terminate = fake_terminate,
    .kill = fake_kill,
    .usage = fake_usage,
    .local_address = fake_local_address,
    .log_tail = fake_log_tail,
    .free = fake_free,
};

static void bury_the_dead(struct loop_task *task)
{
    struct fake *f = container_of(task, struct fake, bury);
    struct instance *i;

    while ((i = list_first_entry(&f->dead, struct instance, link))) {
        list_remove(&i->link);
        f->events.gone(f->events.context, i->id, i->death);
        instance_free(i);
    }
}

int fake_driver_new(struct loop *loop, const struct driver_events *events,
                    struct driver **ret_driver)
{
    struct fake *f = calloc(1, sizeof(*f));

    if (!f)
        return fault(-ENOMEM);
    f->base.ops = &fake_ops;
    f->loop = loop;
    f->events = *events;
    f->obedient = true;
    list_init(&f->instances);
    list_init(&f->dead);
    loop_task_init(&f->bury, bury_the_dead);

    *ret_driver = &f->base;
    return 0;
}

/* --- what the test says ----------------------------------------------------------------------- */

void fake_driver_set_events(struct driver *d, const struct driver_events *events)
{
    fake_of(d)->events = *events;
}

void fake_driver_set_local(struct driver *d, bool local)
{
    fake_of(d)->local = local;
}

void fake_driver_set_ready_at_launch(struct driver *d, bool ready)
{
    fake_of(d)->ready_at_launch = ready;
}

void fake_driver_set_obedient(struct driver *d, bool obedient)
{
    fake_of(d)->obedient = obedient;
}

void fake_driver_fail_launch(struct driver *d, unsigned nth, int result)
{
    assert(nth > 0);
    assert(result < 0 || result == DRIVER_E_REFUSED);
    fake_of(d)->fail_in = nth;
    fake_of(d)->fail_with = result;
}

void fake_driver_ready(struct driver *d, const char *id)
{
    struct instance *i = find(fake_of(d), id);

    assert(i);
    i->ready = true;
}

void fake_driver_die(struct driver *d, const char *id, const char *why)
{
    struct fake *f = fake_of(d);
    struct instance *i = find(f, id);

    assert(i);
    i->death = strdup(why);
    assert(i->death);
    instance_hang_up(i);
    list_remove(&i->link);
    list_push_back(&f->dead, &i->link);
    loop_defer(f->loop, &f->bury);
}

void fake_driver_set_usage(struct driver *d, const char *id, struct instance_usage usage)
{
    struct instance *i = find(fake_of(d), id);

    assert(i);
    i->usage = usage;
}

bool fake_driver_has(struct driver *d, const char *id)
{
    return find(fake_of(d), id);
}

bool fake_driver_terminating(struct driver *d, const char *id)
{
    struct instance *i = find(fake_of(d), id);

    return i && i->terminating;
}

unsigned fake_driver_count(struct driver *d)
{
    unsigned n = 0;

    list_for_each (i, &fake_of(d)->instances, struct instance, link)
        n++;
    return n;
}

unsigned fake_driver_launches(struct driver *d)
{
    return fake_of(d)->n_launches;
}
