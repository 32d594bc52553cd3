#include "fleet/image.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "fleet/command_line.h"

static int refuse(char **ret_why, char *why)
{
    if (!why)
        return fault(-ENOMEM);
    *ret_why = why;
    return IMAGE_E_REFUSED;
}

/* Whether execvp() would find it now. */
static bool can_run(const char *program)
{
    const char *path = getenv("PATH");

    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    while (path && *path) {
        size_t n = strcspn(path, ":");
        autofree(mem_free) char *candidate = text_format("%.*s/%s", (int)n, path, program);

        if (candidate && access(candidate, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static int built_in(const char *program, const char *model_directory, char ***ret_words)
{
    const char *const words[] = { program, "model-server", "--model", model_directory };
    autofree(command_line_free) char **copy = calloc(5, sizeof(*copy));

    if (!copy)
        return fault(-ENOMEM);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        copy[i] = strdup(words[i]);
        if (!copy[i])
            return fault(-ENOMEM);
    }
    *ret_words = steal(copy);
    return 0;
}

int image_command(const char *image, const struct fleet_config *config, const char *program,
                  const char *model_directory, char ***ret_words, char **ret_why)
{
    autofree(command_line_free) char **words = NULL;
    const char *line;
    int r;

    if (strcmp(image, IMAGE_BUILT_IN) == 0)
        return fault(built_in(program, model_directory, ret_words));
    if (strncmp(image, IMAGE_COMMAND, strlen(IMAGE_COMMAND)) == 0)
        line = image + strlen(IMAGE_COMMAND);
    else
        line = fleet_config_image(config, image);
    if (!line)
        return refuse(ret_why, text_format("The image \"%s\" is not known here. weir runs "
                                           "\"" IMAGE_BUILT_IN "\", \"" IMAGE_COMMAND
                                           "/path arguments\" and the images of its config file.",
                                           image));
    r = command_line_split(line, &words);
    if (r < 0)
        return fault(r);
    if (r)
        return refuse(ret_why,
                      text_format("The image \"%s\" %s.", image,
                                  r == COMMAND_LINE_E_EMPTY
                                      ? "has no command"
                                      : "has a quote or a backslash that is not finished"));
    if (!can_run(words[0]))
        return refuse(ret_why, text_format("The image \"%s\" cannot be run: there is no executable "
                                           "program %s.",
                                           image, words[0]));
    *ret_words = steal(words);
    return 0;
}
