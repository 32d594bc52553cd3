#include "fleet/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "fleet/control_file.h"

enum { CPU, CPUACCT, MEMORY, N_CONTROLLERS };
enum { PERIOD_US = 100000, QUOTA_US_MIN = 1000, RACES_MAX = 8 };

static const char *const controller_name[N_CONTROLLERS] = { "cpu", "cpuacct", "memory" };

/* Where one controller's hierarchy is mounted. */
struct hierarchy {
    char *mount_point; /* NULL: not here */
    char *mount_root;  /* the cgroup that is visible as the mount point; "/" mostly */
};

struct cgroups {
    bool v2;
    struct hierarchy hierarchy[N_CONTROLLERS]; /* v2: the same one in each that is usable */
    char *base[N_CONTROLLERS];                 /* directory to make "weir" in; NULL: not usable */
};

struct cgroup {
    bool v2;
    char *directory[N_CONTROLLERS]; /* NULL: no group there */
};

/* Whether @word is one of the words of @list, which @separators stand between. */
static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t n = strlen(word);

    for (const char *p = list; *p; p += strcspn(p, separators)) {
        p += strspn(p, separators);
        if (strcspn(p, separators) == n && strncmp(p, word, n) == 0)
            return true;
    }
    return false;
}

/* --- what the machine offers ------------------------------------------------------------------ */

/* Notes the mount of a line of /proc/self/mountinfo:
 * 36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,cpu,cpuacct */
static int note_mount(struct cgroups *c, char *line, bool v2)
{
    char root[1024], mount_point[1024], type[32], options[1024];
    char *dash = strstr(line, " - ");

    if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", root, mount_point) != 2 ||
        sscanf(dash, " - %31s %*s %1023s", type, options) != 2 ||
        strcmp(type, v2 ? "cgroup2" : "cgroup") != 0)
        return 0;
    for (int i = 0; i < N_CONTROLLERS; i++) {
        struct hierarchy *h = &c->hierarchy[i];

        if (h->mount_point || (!v2 && !has_word(options, controller_name[i], ",")))
            continue;
        h->mount_point = strdup(mount_point);
        h->mount_root = strdup(root);
        if (!h->mount_point || !h->mount_root)
            return fault(-ENOMEM);
    }
    return 0;
}

static int find_mounts(struct cgroups *c, bool v2)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int r = 0;

    if (!f)
        return fault(-errno);
    while (r == 0 && getline(&line, &size, f) > 0)
        r = note_mount(c, line, v2);
    free(line);
    fclose(f);
    return r;
}

/* The cgroup of @pid in the hierarchy of @controller, from lines like "4:cpu,cpuacct:/path". */
static int path_of(bool v2, int controller, const char *pid, char **ret_path)
{
    char directory[32], text[CONTROL_FILE_BYTES], *rest = text, *line;
    int r;

    snprintf(directory, sizeof(directory), "/proc/%s", pid);
    r = control_file_read(directory, "cgroup", text);
    if (r)
        return r;
    while ((line = strsep(&rest, "\n"))) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        names++;
        if (v2 ? *names == '\0' : has_word(names, controller_name[controller], ",")) {
            *ret_path = strdup(path);
            return *ret_path ? 0 : -ENOMEM;
        }
    }
    return -ENOENT;
}

/* The directory under which @pid's cgroup is visible; -ENOENT if it is outside the mount. */
static int directory_of(const struct cgroups *c, int controller, const char *pid,
                        char **ret_directory)
{
    const struct hierarchy *h = &c->hierarchy[controller];
    autofree(mem_free) char *path = NULL;
    const char *below;
    size_t n;
    int r;

    if (!h->mount_point)
        return -ENOENT;
    r = path_of(c->v2, controller, pid, &path);
    if (r)
        return r;
    n = strcmp(h->mount_root, "/") == 0 ? 0 : strlen(h->mount_root);
    if (strncmp(path, h->mount_root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return -ENOENT;
    below = strcmp(path + n, "/") == 0 ? "" : path + n;
    *ret_directory = text_format("%s%s", h->mount_point, below);
    return *ret_directory ? 0 : -ENOMEM;
}

static int make_directory(const char *base, const char *name)
{
    autofree(mem_free) char *path = text_format("%s/%s", base, name);

    if (!path)
        return -ENOMEM;
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static void remove_directory(const char *base, const char *name)
{
    autofree(mem_free) char *path = text_format("%s/%s", base, name);

    if (path)
        rmdir(path); /* stays while groups of other instances are in it */
}

/* Whether groups with both controllers can be made below @base, a directory of a v2 hierarchy. */
static bool hands_on_controllers(const char *base)
{
    autofree(mem_free) char *weir = text_format("%s/weir", base);
    char text[CONTROL_FILE_BYTES];
    bool usable;

    if (!weir || control_file_read(base, "cgroup.controllers", text) ||
        !has_word(text, "cpu", " \n") || !has_word(text, "memory", " \n") ||
        control_file_write(base, "cgroup.subtree_control", "+cpu +memory") ||
        make_directory(base, "weir"))
        return false;
    usable = control_file_write(weir, "cgroup.subtree_control", "+cpu +memory") == 0;
    remove_directory(base, "weir");
    return usable;
}

static bool takes_groups(const char *base)
{
    if (make_directory(base, "weir"))
        return false;
    remove_directory(base, "weir");
    return true;
}

static int find_bases_v1(struct cgroups *c)
{
    for (int i = 0; i < N_CONTROLLERS; i++) {
        int r = directory_of(c, i, "self", &c->base[i]);

        if (r == -ENOMEM)
            return fault(r);
        if (r == 0 && !takes_groups(c->base[i]))
            c->base[i] = mem_free(c->base[i]);
    }
    return 0;
}

static int find_bases_v2(struct cgroups *c)
{
    autofree(mem_free) char *own = NULL;
    char *slash;
    int r;

    r = directory_of(c, CPU, "self", &own);
    if (r)
        return r == -ENOENT ? 0 : fault(r);
    assert(own && c->hierarchy[CPU].mount_point);
    if (!hands_on_controllers(own)) {
        slash = strrchr(own, '/');
        if (strlen(own) <= strlen(c->hierarchy[CPU].mount_point) || !slash)
            return 0;
        *slash = '\0';
        if (!hands_on_controllers(own))
            return 0;
    }
    for (int i = 0; i < N_CONTROLLERS; i++) {
        c->base[i] = strdup(own);
        if (!c->base[i])
            return fault(-ENOMEM);
    }
    return 0;
}

static void forget(struct cgroups *c)
{
    for (int i = 0; i < N_CONTROLLERS; i++) {
        free(c->hierarchy[i].mount_point);
        free(c->hierarchy[i].mount_root);
        free(c->base[i]);
    }
    *c = (struct cgroups){ 0 };
}

bool cgroups_usable(const struct cgroups *c)
{
    return c->base[CPU] || c->base[MEMORY];
}

static int look(struct cgroups *c, bool v2)
{
    int r;

    forget(c);
    c->v2 = v2;
    r = find_mounts(c, v2);
    if (r)
        return fault(r);
    return fault(v2 ? find_bases_v2(c) : find_bases_v1(c));
}

int cgroups_new(struct cgroups **ret_cgroups, char **ret_how)
{
    autofree(cgroups_free) struct cgroups *c = calloc(1, sizeof(*c));
    char *how;
    int r;

    if (!c)
        return fault(-ENOMEM);
    r = look(c, true);
    if (r == 0 && !cgroups_usable(c))
        r = look(c, false);
    if (r)
        return fault(r);
    if (cgroups_usable(c))
        how = text_format("cgroup v%d:%s%s", c->v2 ? 2 : 1, c->base[CPU] ? " cpu" : "",
                          c->base[MEMORY] ? " memory" : "");
    else
        how = strdup("CPU affinity and RLIMIT_DATA (no cgroup is writable)");
    if (!how)
        return fault(-ENOMEM);

    *ret_how = how;
    *ret_cgroups = steal(c);
    return 0;
}

struct cgroups *cgroups_free(struct cgroups *c)
{
    if (c)
        forget(c);
    free(c);
    return NULL;
}

/* --- the group of one instance ---------------------------------------------------------------- */

/* Groups of other instances come and go meanwhile, and "weir" with the last of them. */
static int make_group(const struct cgroups *c, const char *base, const char *directory)
{
    autofree(mem_free) char *weir = text_format("%s/weir", base);
    int r = 0;

    if (!weir)
        return fault(-ENOMEM);
    for (int i = 0; i < RACES_MAX; i++) {
        r = make_directory(base, "weir");
        if (r == 0 && c->v2)
            r = control_file_write(weir, "cgroup.subtree_control", "+cpu +memory");
        if (r == 0)
            r = mkdir(directory, 0755) == 0 || errno == EEXIST ? 0 : -errno;
        if (r != -ENOENT)
            break;
    }
    return fault(r);
}

/* Without swap, as on AWS; where the kernel does not account for swap that part is not to be
 * had. */
static int limit_memory(const struct cgroup *g, uint64_t bytes)
{
    const char *directory = g->directory[MEMORY];
    int r =
        control_file_write_number(directory, g->v2 ? "memory.max" : "memory.limit_in_bytes", bytes);

    if (r == 0 && g->v2)
        control_file_write_number(directory, "memory.swap.max", 0);
    else if (r == 0)
        control_file_write_number(directory, "memory.memsw.limit_in_bytes", bytes);
    return r;
}

static int limit(const struct cgroup *g, double vcpus, double memory_gib)
{
    uint64_t quota = (uint64_t)fmax(vcpus * PERIOD_US, QUOTA_US_MIN);
    char text[64];
    int r = 0;

    if (g->directory[CPU] && g->v2) {
        snprintf(text, sizeof(text), "%" PRIu64 " %d", quota, (int)PERIOD_US);
        r = control_file_write(g->directory[CPU], "cpu.max", text);
    } else if (g->directory[CPU]) {
        r = control_file_write_number(g->directory[CPU], "cpu.cfs_quota_us", quota);
        if (r == -EINVAL)
            r = 0; /* v1 refuses a quota above that of a group around us, which then is the limit */
    }
    if (r == 0 && g->directory[MEMORY])
        r = limit_memory(g, (uint64_t)(memory_gib * 1073741824.0));
    return r;
}

int cgroup_at(const struct cgroups *c, const char *id, struct cgroup **ret_group)
{
    autofree(cgroup_free) struct cgroup *g = calloc(1, sizeof(*g));

    if (!g)
        return fault(-ENOMEM);
    g->v2 = c->v2;
    for (int i = 0; i < N_CONTROLLERS; i++) {
        if (!c->base[i])
            continue;
        g->directory[i] = text_format("%s/weir/%s", c->base[i], id);
        if (!g->directory[i])
            return fault(-ENOMEM);
    }
    *ret_group = cgroups_usable(c) ? steal(g) : NULL;
    return 0;
}

int cgroup_new(const struct cgroups *c, const char *id, double vcpus, double memory_gib,
               struct cgroup **ret_group)
{
    autofree(cgroup_free) struct cgroup *g = NULL;
    int r;

    assert(cgroups_usable(c));
    r = cgroup_at(c, id, &g);
    if (r)
        return fault(r);
    for (int i = 0; i < N_CONTROLLERS && r == 0; i++)
        r = g->directory[i] ? make_group(c, c->base[i], g->directory[i]) : 0;
    if (r == 0)
        r = limit(g, vcpus, memory_gib);
    if (r) {
        cgroup_remove(g);
        return fault(r);
    }
    *ret_group = steal(g);
    return 0;
}

int cgroup_of(const struct cgroups *c, const char *id, pid_t pid, struct cgroup **ret_group)
{
    autofree(mem_free) char *end = text_format("/weir/%s", id);
    autofree(cgroup_free) struct cgroup *g = calloc(1, sizeof(*g));
    char pid_text[16];
    bool found = false;

    if (!end || !g)
        return fault(-ENOMEM);
    snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
    g->v2 = c->v2;
    for (int i = 0; i < N_CONTROLLERS; i++) {
        char *directory = NULL;

        if (directory_of(c, i, pid_text, &directory))
            continue;
        if (strlen(directory) < strlen(end) ||
            strcmp(directory + strlen(directory) - strlen(end), end) != 0) {
            free(directory);
            continue;
        }
        g->directory[i] = directory;
        found = true;
    }
    if (!found)
        return -ENOENT;
    *ret_group = steal(g);
    return 0;
}

struct cgroup *cgroup_free(struct cgroup *g)
{
    if (!g)
        return NULL;
    for (int i = 0; i < N_CONTROLLERS; i++)
        free(g->directory[i]);
    free(g);
    return NULL;
}

int cgroup_enter(const struct cgroup *g)
{
    for (int i = 0; i < N_CONTROLLERS; i++) {
        int r = g->directory[i] ? control_file_write(g->directory[i], "cgroup.procs", "0") : 0;

        if (r)
            return fault(r);
    }
    return 0;
}

static int cpu_time(const struct cgroup *g, uint64_t *ret_us)
{
    uint64_t ns;
    int r;

    if (g->v2 && g->directory[CPU])
        return control_file_read_keyed(g->directory[CPU], "cpu.stat", "usage_usec", ret_us);
    if (!g->directory[CPUACCT])
        return -ENODATA;
    r = control_file_read_number(g->directory[CPUACCT], "cpuacct.usage", &ns);
    if (r == 0)
        *ret_us = ns / 1000;
    return r;
}

int cgroup_usage(const struct cgroup *g, uint64_t *ret_cpu_us, uint64_t *ret_memory_bytes)
{
    const char *memory = g->directory[MEMORY];
    uint64_t cpu_us, bytes, file;
    int r;

    if (!memory)
        return -ENODATA;
    r = cpu_time(g, &cpu_us);
    if (r == 0)
        r = control_file_read_number(memory, g->v2 ? "memory.current" : "memory.usage_in_bytes",
                                     &bytes);
    if (r == 0)
        r = control_file_read_keyed(memory, "memory.stat",
                                    g->v2 ? "inactive_file" : "total_inactive_file", &file);
    if (r)
        return r == -ENOENT ? -ENODATA : r;

    *ret_cpu_us = cpu_us;
    *ret_memory_bytes = bytes > file ? bytes - file : 0;
    return 0;
}

bool cgroup_out_of_memory(const struct cgroup *g)
{
    uint64_t kills;

    return g->directory[MEMORY] &&
           control_file_read_keyed(g->directory[MEMORY],
                                   g->v2 ? "memory.events" : "memory.oom_control", "oom_kill",
                                   &kills) == 0 &&
           kills > 0;
}

void cgroup_kill(const struct cgroup *g)
{
    char text[CONTROL_FILE_BYTES], *rest = text, *line;

    for (int i = 0; i < N_CONTROLLERS; i++) {
        if (!g->directory[i] || control_file_read(g->directory[i], "cgroup.procs", text))
            continue;
        while ((line = strsep(&rest, "\n")))
            if (atoi(line) > 1)
                kill(atoi(line), SIGKILL);
        return;
    }
}

int cgroup_remove(const struct cgroup *g)
{
    int r = 0;

    for (int i = 0; i < N_CONTROLLERS; i++) {
        char *slash;

        if (!g->directory[i])
            continue;
        if (rmdir(g->directory[i]) < 0 && errno != ENOENT) {
            r = -errno;
            continue;
        }
        slash = strrchr(g->directory[i], '/');
        *slash = '\0';
        rmdir(g->directory[i]); /* "weir" stays while it holds other groups */
        *slash = '/';
    }
    return r;
}
