/* supervisor/supervisor.h: keeps control and proxy running, and stops them in order.
 *
 * It does as little as can be, so that it need never restart: it holds the listening sockets, which
 * therefore stay open whatever happens to the programs; it starts the programs again when they end;
 * and as the reaper of orphans it waits for instances whose control is gone.
 *
 * To stop (SIGTERM, SIGINT): the sockets are closed and the proxy is asked to end, which it does
 * after its last answer; then control is, which ends the instances. Each further signal hastens the
 * step that is under way: it kills the proxies, then the instances, then control.
 *
 * Asked through its door (door.h), or by SIGHUP when the file that it was started from has changed,
 * it puts another version in place of control and proxy (upgrade.h). SIGUSR1 goes on to the
 * proxies.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "net/address.h"
#include "supervisor/child.h"

enum {
    SUPERVISOR_E_GAVE_UP = 1, /* the programs kept ending before they ever served */
};

struct supervisor_settings {
    struct child_spec control, proxy;
    int door_fd;     /* listening, non-blocking */
    int *listen_fds; /* closed, and set to -1, when stopping begins */
    size_t n_listen_fds;
    const struct address *address; /* where /healthz is asked until it is answered 200 */
    void (*ready)(void *context);  /* told once, at that moment */
    void *context;
};

/** supervisor_run() - until it was stopped. Return: 0, SUPERVISOR_E_GAVE_UP or a negative errno. */
int supervisor_run(struct loop *loop, struct log *log, const struct supervisor_settings *settings);
