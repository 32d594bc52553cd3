#include "fleet/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "fleet/cgroup.h"
#include "fleet/identity.h"
#include "fleet/launch.h"
#include "fleet/output.h"
#include "fleet/port.h"
#include "fleet/proc.h"
#include "fleet/spawn.h"

enum {
    INSTANCE_MAGIC = 0x1257a9ce,
    STOP_MS = 30000, /* from SIGTERM to SIGKILL; as SageMaker does it */
    HOUSEKEEPING_MS = 1000,
    KEPT_OUTPUTS = 50,
    WHY_LINES = 5, /* of output, in the sentence about an exit */
};

struct process_driver {
    struct driver base;
    struct loop *loop;
    struct log *log;
    struct driver_events events;
    char *instances_dir, *region, *program;
    const struct fleet_config *config;
    struct cgroups *cgroups;
    struct random random;
    struct map instances; /* id -> struct instance */
    struct list ended;    /* struct leftover: groups that were not empty yet */
    struct loop_timer housekeeping;
    unsigned n_launched;
};

struct instance {
    uint32_t magic;
    struct process_driver *driver;
    char *id, *directory;
    struct identity who;
    uint16_t port;
    struct cgroup *cgroup; /* NULL: it has none */
    struct loop_process process;
    struct loop_timer kill;
    bool terminating;
    uint64_t cpu_us; /* at the last sample */
    us_t sampled;
};

/* The cgroup of an instance that is gone, while the kernel still ends its processes. */
struct leftover {
    struct list_link link;
    struct cgroup *cgroup;
};

static const struct driver_ops process_ops;

static struct process_driver *process_driver_of(struct driver *d)
{
    assert(d->ops == &process_ops);
    return (struct process_driver *)d;
}

static struct instance *instance_free(struct instance *i)
{
    if (!i)
        return NULL;
    if (i->process.pid)
        loop_process_remove(&i->process);
    loop_timer_cancel(&i->kill);
    cgroup_free(i->cgroup);
    free(i->id);
    free(i->directory);
    free(i);
    return NULL;
}
DEFINE_AUTOFREE(struct instance *, instance_free)

/* --- the end of an instance ------------------------------------------------------------------- */

/* The group is the instance's own; in its first moments there is only the process yet. */
static void kill_group(const struct instance *i, int signo)
{
    /* Its number means somebody else once the process is gone and the number was given away. */
    if (identity_lives(&i->who) && kill(-i->who.pid, signo) < 0)
        kill(i->who.pid, signo);
}

static void kill_all(const struct instance *i)
{
    kill_group(i, SIGKILL);
    if (i->cgroup)
        cgroup_kill(i->cgroup);
}

static void kill_timer_fired(struct loop_timer *timer)
{
    struct instance *i = container_of(timer, struct instance, kill);

    log_warn(i->driver->log, "instance did not stop in time, killing it", "instance=%s pid=%d",
             i->id, (int)i->who.pid);
    kill_all(i);
}

static char *describe_exit(const struct instance *i, int status)
{
    if (status == -1)
        return strdup("The process ended; how is not known, because an earlier run of weir "
                      "started it.");
    if (i->cgroup && cgroup_out_of_memory(i->cgroup))
        return strdup("The process was killed because it needed more memory than its instance type "
                      "has.");
    if (WIFSIGNALED(status))
        return text_format("The process was killed by signal %d (%s).", WTERMSIG(status),
                           strsignal(WTERMSIG(status)));
    return text_format("The process exited with code %d.", WEXITSTATUS(status));
}

/* NULL if there is no memory. */
static char *describe_end(const struct instance *i, int status)
{
    char *failure = spawn_failure(i->directory);
    autofree(mem_free) char *how = NULL, *output = NULL;

    if (failure)
        return failure;
    how = describe_exit(i, status);
    output = output_tail(i->directory, WHY_LINES);
    if (!how || !output)
        return steal(how);
    return text_format("%s The last lines of its output:\n%s", how, output);
}

static void remove_model(const struct instance *i)
{
    autofree(mem_free) char *model = text_format("%s/model", i->directory);
    int r = model ? remove_tree(model) : -ENOMEM;

    if (r)
        log_warn(i->driver->log, "model directory not removed", "instance=%s error=\"%s\"", i->id,
                 strerror(-r));
}

static void remove_socket(const struct instance *i)
{
    autofree(mem_free) char *path = launch_socket(i->directory);

    if (path)
        unlink(path);
}

static bool lives(const char *id, void *context)
{
    struct process_driver *d = context;

    return map_get(&d->instances, id);
}

/* Ends what the instance's process may have left behind. */
static void remove_cgroup(struct instance *i)
{
    struct leftover *l;

    if (!i->cgroup)
        return;
    cgroup_kill(i->cgroup);
    if (cgroup_remove(i->cgroup) == 0)
        return;
    l = calloc(1, sizeof(*l));
    if (!l)
        return; /* an empty group stays; nothing else depends on it */
    l->cgroup = steal(i->cgroup);
    list_push_back(&i->driver->ended, &l->link);
}

static void instance_exited(struct loop_process *process, int status)
{
    autofree(instance_free) struct instance *i = container_of(process, struct instance, process);
    struct process_driver *d = i->driver;
    autofree(mem_free) char *why = NULL;

    assert(i->magic == INSTANCE_MAGIC);
    kill(-i->who.pid,
         SIGKILL); /* the rest of its group; the number is taken while one of them lives */
    why = describe_end(i, status);
    remove_cgroup(i);
    remove_model(i);
    remove_socket(i);
    map_remove(&d->instances, i->id);
    if (output_prune(d->instances_dir, KEPT_OUTPUTS, lives, d))
        log_warn(d->log, "old instances' output not removed", "directory=\"%s\"", d->instances_dir);
    d->events.gone(d->events.context, i->id, why ? why : "The process ended.");
}

/* --- launch ----------------------------------------------------------------------------------- */

static int instance_new(struct process_driver *d, const char *id, struct instance **ret)
{
    autofree(instance_free) struct instance *i = calloc(1, sizeof(*i));

    if (!i)
        return fault(-ENOMEM);
    i->magic = INSTANCE_MAGIC;
    i->driver = d;
    loop_timer_init(d->loop, &i->kill, kill_timer_fired);
    i->id = strdup(id);
    i->directory = text_format("%s/%s", d->instances_dir, id);
    if (!i->id || !i->directory)
        return fault(-ENOMEM);

    *ret = steal(i);
    return 0;
}

static bool port_taken(uint16_t port, void *context)
{
    struct process_driver *d = context;

    map_for_each (slot, &d->instances) {
        if (((struct instance *)slot->value)->port == port)
            return true;
    }
    return false;
}

/* The process is our child and not waited for, so that its number cannot be given away
 * meanwhile. */
static int watch(struct instance *i)
{
    int r;

    r = proc_start_time(i->who.pid, &i->who.start_time);
    if (r == -ESRCH)
        r = 0; /* it ended already; nobody asks for its start time any more */
    if (r == 0)
        r = identity_write(i->directory, &i->who);
    if (r == 0)
        r = loop_process_add(i->driver->loop, &i->process, i->who.pid, instance_exited);
    return fault(r);
}

/* Undoes launch() when the instance could not be recorded. */
static void abandon(struct instance *i)
{
    kill(i->who.pid, SIGKILL); /* it may not lead a group yet */
    kill(-i->who.pid, SIGKILL);
    waitpid(i->who.pid, NULL, 0);
    remove_cgroup(i);
    remove_tree(i->directory);
}

static int process_launch(struct driver *base, const struct instance_spec *spec,
                          struct driver_handle *ret_handle, char **ret_why)
{
    struct process_driver *d = process_driver_of(base);
    autofree(instance_free) struct instance *i = NULL;
    int r;

    assert(!map_get(&d->instances, spec->id));
    r = instance_new(d, spec->id, &i);
    if (r == 0)
        r = port_choose(&d->random, port_taken, d, &i->port);
    if (r)
        return fault(r);
    r = launch(spec,
               &(struct launch_site){
                   .directory = i->directory,
                   .program = d->program,
                   .region = d->region,
                   .config = d->config,
                   .cgroups = d->cgroups,
                   .port = i->port,
                   .turn = d->n_launched++,
               },
               &i->who.pid, &i->cgroup, ret_why);
    if (r)
        return r < 0 ? fault(r) : DRIVER_E_REFUSED;
    r = watch(i);
    if (r == 0)
        r = map_put(&d->instances, i->id, i);
    if (r) {
        abandon(i);
        return fault(r);
    }
    i->sampled = loop_now_us(d->loop);
    identity_text(&i->who, ret_handle->text);
    snprintf(ret_handle->address, sizeof(ret_handle->address), "127.0.0.1:%u", (unsigned)i->port);
    log_debug(d->log, "process started", "instance=%s pid=%d address=%s", i->id, (int)i->who.pid,
              ret_handle->address);
    i = NULL; /* the map has it */
    return 0;
}

static int read_usage(const struct instance *i, uint64_t *ret_cpu_us, uint64_t *ret_memory)
{
    int r = i->cgroup ? cgroup_usage(i->cgroup, ret_cpu_us, ret_memory) : -ENODATA;

    return r == -ENODATA ? proc_usage(i->who.pid, ret_cpu_us, ret_memory) : r;
}

/* --- adoption --------------------------------------------------------------------------------- */

/* A launch whose handle was never stored: nobody knows its address, so it is of no use. */
static void end_unknown(struct instance *i)
{
    if (!identity_read(i->directory, &i->who) || !identity_lives(&i->who))
        return;
    log_warn(i->driver->log, "killing a process whose launch was cut short", "instance=%s pid=%d",
             i->id, (int)i->who.pid);
    kill_group(i, SIGKILL);
}

static int adopt_process(struct instance *i)
{
    uint64_t memory;
    int r;

    r = loop_process_add(i->driver->loop, &i->process, i->who.pid, instance_exited);
    if (r)
        return r == -ESRCH ? DRIVER_E_GONE : fault(r);
    /* Asked while the pidfd is open: now the number cannot change hands unnoticed. */
    if (!identity_lives(&i->who))
        return DRIVER_E_GONE;
    r = cgroup_of(i->driver->cgroups, i->id, i->who.pid, &i->cgroup);
    if (r && r != -ENOENT)
        return fault(r);
    return fault(read_usage(i, &i->cpu_us, &memory)); /* what it used before is not ours to tell */
}

/* What a process that ended unseen may have left: children, its group, its model. */
static void clear_up(struct instance *i)
{
    if (!i->cgroup && cgroup_at(i->driver->cgroups, i->id, &i->cgroup))
        log_warn(i->driver->log, "cgroup not looked for, no memory", "instance=%s", i->id);
    remove_cgroup(i);
    remove_model(i);
    remove_socket(i);
}

static int process_adopt(struct driver *base, const char *id, const struct driver_handle *handle)
{
    struct process_driver *d = process_driver_of(base);
    autofree(instance_free) struct instance *i = NULL;
    const char *colon = strrchr(handle->address, ':');
    int r;

    assert(!map_get(&d->instances, id));
    r = instance_new(d, id, &i);
    if (r)
        return fault(r);
    if (handle->text[0] == '\0')
        end_unknown(i);
    if (colon && identity_parse(handle->text, &i->who)) {
        i->port = (uint16_t)strtoul(colon + 1, NULL, 10);
        i->sampled = loop_now_us(d->loop);
        r = adopt_process(i);
    } else {
        r = DRIVER_E_GONE;
    }
    if (r == DRIVER_E_GONE)
        clear_up(i);
    if (r)
        return r;
    r = map_put(&d->instances, i->id, i);
    if (r)
        return fault(r);
    i = NULL; /* the map has it */
    return 0;
}

/* --- while it runs ---------------------------------------------------------------------------- */

static int process_terminate(struct driver *base, const char *id)
{
    struct process_driver *d = process_driver_of(base);
    struct instance *i = map_get(&d->instances, id);

    if (!i)
        return DRIVER_E_UNKNOWN;
    if (i->terminating)
        return 0;
    i->terminating = true;
    kill_group(i, SIGTERM);
    loop_timer_after(&i->kill, STOP_MS);
    return 0;
}

static int process_kill(struct driver *base, const char *id)
{
    struct process_driver *d = process_driver_of(base);
    struct instance *i = map_get(&d->instances, id);

    if (!i)
        return DRIVER_E_UNKNOWN;
    i->terminating = true;
    loop_timer_cancel(&i->kill);
    kill_all(i);
    return 0;
}

static int process_usage(struct driver *base, const char *id, struct instance_usage *ret_usage)
{
    struct process_driver *d = process_driver_of(base);
    struct instance *i = map_get(&d->instances, id);
    us_t now = loop_now_us(d->loop), span;
    uint64_t cpu_us, memory;
    int r;

    if (!i)
        return DRIVER_E_UNKNOWN;
    r = read_usage(i, &cpu_us, &memory);
    if (r)
        return fault(r);

    span = now - i->sampled;
    ret_usage->memory_bytes = memory;
    ret_usage->cpu_percent =
        span > 0 && cpu_us > i->cpu_us ? 100.0 * (double)(cpu_us - i->cpu_us) / (double)span : 0;
    i->cpu_us = cpu_us;
    i->sampled = now;
    return 0;
}

static bool process_local_address(struct driver *base, const char *id,
                                  char ret_address[DRIVER_ADDRESS_BYTES])
{
    struct process_driver *d = process_driver_of(base);
    const struct instance *i = map_get(&d->instances, id);
    autofree(mem_free) char *path = i ? launch_socket(i->directory) : NULL;
    struct stat st;

    if (!path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    snprintf(ret_address, DRIVER_ADDRESS_BYTES, "unix:%s", path);
    return true;
}

static char *process_log_tail(struct driver *base, const char *id, unsigned lines)
{
    struct process_driver *d = process_driver_of(base);
    autofree(mem_free) char *directory = NULL;

    if (strchr(id, '/') || id[0] == '.')
        return NULL;
    directory = text_format("%s/%s", d->instances_dir, id);
    return directory ? output_tail(directory, lines) : NULL;
}

static void housekeeping_due(struct loop_timer *timer)
{
    struct process_driver *d = container_of(timer, struct process_driver, housekeeping);

    map_for_each (slot, &d->instances) {
        struct instance *i = slot->value;
        int r = output_limit(i->directory);

        if (r)
            log_warn(d->log, "output not limited", "instance=%s error=\"%s\"", i->id, strerror(-r));
    }
    list_for_each_safe (l, &d->ended, struct leftover, link) {
        cgroup_kill(l->cgroup);
        if (cgroup_remove(l->cgroup))
            continue;
        list_remove(&l->link);
        cgroup_free(l->cgroup);
        free(l);
    }
    loop_timer_after(timer, HOUSEKEEPING_MS);
}

static void process_free(struct driver *base)
{
    struct process_driver *d = process_driver_of(base);

    loop_timer_cancel(&d->housekeeping);
    map_for_each (slot, &d->instances)
        instance_free(slot->value);
    map_deinit(&d->instances);
    list_for_each_safe (l, &d->ended, struct leftover, link) {
        cgroup_remove(l->cgroup);
        cgroup_free(l->cgroup);
        free(l);
    }
    cgroups_free(d->cgroups);
    free(d->instances_dir);
    free(d->region);
    free(d->program);
    free(d);
}

static const struct driver_ops process_ops = {
    .name = "process",
    .launch = process_launch,
    .adopt = process_adopt,
    .terminate = process_terminate,
    .kill = process_kill,
    .usage = process_usage,
    .local_address = process_local_address,
    .log_tail = process_log_tail,
    .free = process_free,
};

/* --- the driver ------------------------------------------------------------------------------- */

/* The file of the running program. When it was replaced meanwhile, the one in memory is meant. */
static char *own_program(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n <= 0)
        return strdup("/proc/self/exe");
    path[n] = '\0';
    return strdup(access(path, X_OK) == 0 ? path : "/proc/self/exe");
}

static int find_instances_dir(struct process_driver *d, const char *state_dir)
{
    /* Instances have a working directory of their own, so that relative paths would mislead
     * them. */
    autofree(mem_free) char *absolute = realpath(state_dir, NULL);
    autofree(fd_close) int fd = -1;

    if (!absolute)
        return fault(-errno);
    d->instances_dir = text_format("%s/instances", absolute);
    if (!d->instances_dir)
        return fault(-ENOMEM);
    if (mkdir(d->instances_dir, 0700) < 0 && errno != EEXIST)
        return fault(-errno);
    fd = open(d->instances_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? fault(-errno) : 0;
}

int process_driver_new(struct loop *loop, struct log *log,
                       const struct process_driver_settings *settings,
                       const struct driver_events *events, struct driver **ret_driver)
{
    struct process_driver *d = calloc(1, sizeof(*d));
    autofree(driver_free) struct driver *base = NULL;
    autofree(mem_free) char *limits = NULL;
    uint64_t seed;
    int r;

    if (!d)
        return fault(-ENOMEM);
    base = &d->base;
    d->base.ops = &process_ops;
    d->loop = loop;
    d->log = log;
    d->events = *events;
    d->config = settings->config;
    random_secret(&seed, sizeof(seed));
    random_init(&d->random, seed);
    map_init(&d->instances, seed);
    list_init(&d->ended);
    loop_timer_init(loop, &d->housekeeping, housekeeping_due);
    d->region = strdup(settings->region);
    d->program = settings->program ? strdup(settings->program) : own_program();
    if (!d->region || !d->program)
        return fault(-ENOMEM);
    r = find_instances_dir(d, settings->state_dir);
    if (r == 0)
        r = cgroups_new(&d->cgroups, &limits);
    if (r)
        return fault(r);
    log_info(log, "instances are limited", "by=\"%s\"", limits);
    loop_timer_after(&d->housekeeping, HOUSEKEEPING_MS);

    *ret_driver = steal(base);
    return 0;
}
