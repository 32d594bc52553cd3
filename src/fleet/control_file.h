/* fleet/control_file.h: the small text files by which the kernel is asked and told things (cgroups,
 * /proc). Failures are ordinary here and not traced: a kernel without a controller has no such file. */
#pragma once
#include <stdint.h>

enum { CONTROL_FILE_BYTES = 16384 }; /* what is beyond that is not read */

/* Return: 0 or a negative errno; -EBADMSG where a number was expected and is not there. */
int control_file_read(const char *directory, const char *name, char text[CONTROL_FILE_BYTES]);
int control_file_write(const char *directory, const char *name, const char *text);
int control_file_write_number(const char *directory, const char *name, uint64_t number);
int control_file_read_number(const char *directory, const char *name, uint64_t *ret_number);
/** control_file_read_keyed() - the number after @key in a file of "key number" lines; 0 if the key is
 * not there */
int control_file_read_keyed(const char *directory, const char *name, const char *key,
                            uint64_t *ret_number);
