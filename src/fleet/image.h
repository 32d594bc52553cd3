/* fleet/image.h: the command line behind the name of an image. */
#pragma once
#include "fleet/config.h"

#define IMAGE_BUILT_IN "weir/xgboost:latest"
#define IMAGE_COMMAND  "command:"

enum {
    IMAGE_E_REFUSED = 1, /* *ret_why says why */
};

/**
 * image_command() - what to run for @image
 * @program:         the weir executable, for the built-in image
 * @model_directory: where the instance finds its model
 * @ret_words:       for command_line_free(). @ret_why: on IMAGE_E_REFUSED, to free().
 * Return: 0, IMAGE_E_REFUSED or -ENOMEM.
 */
int image_command(const char *image, const struct fleet_config *config, const char *program,
                  const char *model_directory, char ***ret_words, char **ret_why);
