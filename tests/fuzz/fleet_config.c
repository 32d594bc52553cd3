/* The config file of a server: every image of an accepted one has a command line that splits. */
#include "fleet/config.h"

#include <jansson.h>
#include <sys/mman.h>

#include "fleet/command_line.h"
#include "fuzz.h"

static void check_images(const struct fleet_config *config, struct slice text)
{
    json_t *root = json_loadb(text.data, text.size, 0, NULL);
    const char *name;
    json_t *line;

    MUST(root);
    json_object_foreach (json_object_get(root, "images"), name, line) {
        autofree(command_line_free) char **words = NULL;

        MUST(strcmp(fleet_config_image(config, name), json_string_value(line)) == 0);
        MUST(command_line_split(json_string_value(line), &words) == 0);
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(fd_close) int fd = memfd_create("config", MFD_CLOEXEC);
    autofree(fleet_config_free) struct fleet_config *config = NULL;
    autofree(mem_free) char *why = NULL;
    char path[64];
    int r;

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    r = fleet_config_load(path, &config, &why);
    MUST(r <= 0 && (r != 0) == (config == NULL));
    if (!r)
        check_images(config, fuzz_slice(data, size));
    return 0;
}
