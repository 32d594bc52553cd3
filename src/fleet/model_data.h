/* fleet/model_data.h: a model's files, from where ModelDataUrl says to where an instance reads
 * them.
 *
 * file:// URLs name a tar archive (.tar.gz, .tgz or .tar), which is unpacked, or any other file,
 * which is copied. Checking is cheap and done before a launch; placing may take long and is done by
 * the instance's own process before it becomes the model server. Archives come from outside:
 * members and links that lead out of the directory, devices, and more bytes or members than a limit
 * are refused.
 */
#pragma once
#include <stdint.h>

enum {
    MODEL_DATA_E_REFUSED = 1, /* *ret_why says why, in AWS's words where it has some */
};

struct model_data_limits {
    uint64_t bytes_max; /* of all files together */
    uint64_t members_max;
};

/** model_data_check() - whether @url names a file that can be read
 * @ret_path: of the file, to free(). @ret_why: on MODEL_DATA_E_REFUSED, to free().
 * Return: 0, MODEL_DATA_E_REFUSED or -ENOMEM. */
int model_data_check(const char *url, char **ret_path, char **ret_why);

/** model_data_place() - put the files of @path into @directory, which exists and is empty
 *
 * For a process of its own: the working directory changes for the call.
 * Return: 0, MODEL_DATA_E_REFUSED or a negative errno. */
int model_data_place(const char *path, const char *directory,
                     const struct model_data_limits *limits, char **ret_why);
