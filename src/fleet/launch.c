#include "fleet/launch.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/text.h"
#include "fleet/command_line.h"
#include "fleet/environment.h"
#include "fleet/image.h"
#include "fleet/instance_type.h"
#include "fleet/model_data.h"
#include "fleet/output.h"
#include "fleet/spawn.h"

/* What is known of an instance before there is anything of it. */
struct plan {
    const struct instance_type *type;
    char *model_directory;
    char **command;
    char *model_path; /* NULL: no model data */
    struct environment environment;
};

static void plan_deinit(struct plan *p)
{
    free(p->model_directory);
    command_line_free(p->command);
    free(p->model_path);
    environment_deinit(&p->environment);
}

/* Everything that can be refused before there is a process. */
static int check_spec(const struct instance_spec *spec, const struct launch_site *site,
                      struct plan *p, char **ret_why)
{
    int r;

    p->model_directory = text_format("%s/model", site->directory);
    if (!p->model_directory)
        return fault(-ENOMEM);
    p->type = instance_type_find(spec->instance_type);
    if (!p->type) {
        *ret_why = text_format("The instance type \"%s\" is not known here.", spec->instance_type);
        return LAUNCH_E_REFUSED;
    }
    r = image_command(spec->image, site->config, site->program, p->model_directory, &p->command,
                      ret_why);
    if (r)
        return r < 0 ? fault(r) : LAUNCH_E_REFUSED;
    if (!spec->model_data_url)
        return 0;
    r = model_data_check(spec->model_data_url, &p->model_path, ret_why);
    return r <= 0 ? fault(r) : LAUNCH_E_REFUSED;
}

static int inherit(struct environment *e)
{
    static const char *const names[] = { "PATH", "HOME", "LANG" };
    int r = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++)
        if (getenv(names[i]))
            r = environment_set(e, names[i], getenv(names[i]));
    return fault(r);
}

char *launch_socket(const char *directory)
{
    char *path = text_format("%s/http.sock", directory);

    if (path && strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        path = mem_free(path);
    return path;
}

static int offer_socket(struct environment *e, const char *directory)
{
    autofree(mem_free) char *path = launch_socket(directory);

    return path ? fault(environment_set(e, "WEIR_BIND_TO_UNIX", path)) : 0;
}

/* The model's Environment may change all but what comes last, by which weir finds the instance. */
static int fill_environment(struct environment *e, const struct instance_spec *spec,
                            const struct launch_site *site, const struct plan *p)
{
    int r, cpus = (int)ceil(p->type->vcpus);
    const char *name;
    json_t *value;

    r = inherit(e);
    if (r == 0)
        r = environment_set(e, "SAGEMAKER_REGION", site->region);
    if (r == 0)
        r = environment_set(e, "AWS_REGION", site->region);
    if (r == 0)
        r = environment_printf(e, "SM_NUM_CPUS", "%d", cpus);
    if (r == 0)
        r = environment_printf(e, "OMP_NUM_THREADS", "%d", cpus);
    json_object_foreach (spec->environment, name, value) {
        if (r == 0 && json_is_string(value))
            r = environment_set(e, name, json_string_value(value));
    }
    if (r == 0)
        r = environment_printf(e, "SAGEMAKER_BIND_TO_PORT", "%u", (unsigned)site->port);
    if (r == 0)
        r = offer_socket(e, site->directory);
    if (r == 0)
        r = environment_set(e, "SM_MODEL_DIR", p->model_directory);
    return fault(r);
}

static int start(const struct instance_spec *spec, const struct launch_site *site,
                 const struct plan *p, pid_t *ret_pid, struct cgroup **ret_group)
{
    autofree(cgroup_free) struct cgroup *group = NULL;
    int r = 0;

    if (cgroups_usable(site->cgroups))
        r = cgroup_new(site->cgroups, spec->id, p->type->vcpus, p->type->memory_gib, &group);
    if (r)
        return fault(r);
    r = spawn(
        &(struct spawn){
            .command = p->command,
            .environment = p->environment.variables,
            .directory = site->directory,
            .model_path = p->model_path,
            .cgroup = group,
            .vcpus = p->type->vcpus,
            .memory_gib = p->type->memory_gib,
            .turn = site->turn,
        },
        ret_pid);
    if (r) {
        if (group)
            cgroup_remove(group);
        return fault(r);
    }
    *ret_group = steal(group);
    return 0;
}

int launch(const struct instance_spec *spec, const struct launch_site *site, pid_t *ret_pid,
           struct cgroup **ret_group, char **ret_why)
{
    __attribute__((cleanup(plan_deinit))) struct plan p = { 0 };
    int r;

    r = check_spec(spec, site, &p, ret_why);
    if (r)
        return r;
    r = fill_environment(&p.environment, spec, site, &p);
    if (r)
        return fault(r);
    if (mkdir(site->directory, 0700) < 0)
        return fault(-errno);
    r = mkdir(p.model_directory, 0755) < 0 ? -errno : start(spec, site, &p, ret_pid, ret_group);
    if (r)
        remove_tree(site->directory);
    return fault(r);
}
