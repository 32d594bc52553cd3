/* fleet/output.h: what instances print: DIRECTORY/output.log, of bounded size.
 *
 * An instance writes straight into the file, so that its output outlives weir's programs. Once the
 * file has passed OUTPUT_BYTES_MAX, that much of its end moves to output.log.1, in place of what was
 * there, and the file starts anew; lines printed during the move may be lost.
 */
#pragma once
#include <stdbool.h>

enum { OUTPUT_BYTES_MAX = 8 * 1024 * 1024 };

/** output_open() - a descriptor to append with, the file being made if needed. Return: it, or
 * -errno. */
int output_open(const char *directory);
/** output_limit() - move the end of the content away if it is over the limit. Return: 0 or -errno. */
int output_limit(const char *directory);
/** output_tail() - the last @lines lines as valid UTF-8, at most 64 KiB, to free(); NULL if none */
char *output_tail(const char *directory, unsigned lines);

/** output_prune() - keep the @keep directories under @parent that were touched last
 * @lives: whether the directory of this name is in use: then it stays and does not count */
int output_prune(const char *parent, unsigned keep, bool (*lives)(const char *name, void *context),
                 void *context);

/** remove_tree() - a directory and all in it; links are not followed. Return: 0 (also if it is not
 * there) or a negative errno. */
int remove_tree(const char *path);
