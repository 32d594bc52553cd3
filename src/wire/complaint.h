/* wire/complaint.h: what is wrong with a JSON document, in words for the person who wrote it.
 *
 * A complaint says where in the document, what is there, and what would be right:
 *
 *     target_groups[2].targets[0].weight: it is -1, but must be a number, 0 or more
 *
 * Its beginning, the place, is known to whoever walks the document: as a chain on the walker's stack,
 * so that it costs nothing as long as nothing is wrong.
 */
#pragma once
#include <jansson.h>
#include <stddef.h>

enum { COMPLAINT_BYTES = 1024 };

/* One step from a value to what it is in; NULL is the document itself. */
struct json_place {
    const struct json_place *up;
    const char *member; /* NULL: an element */
    size_t element;
};

/** complaint_write() - about @at; what does not fit in is left out */
void complaint_write(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

/** complaint_of_value() - @said, or NULL if nothing was, where @expected should be: "true or false" */
void complaint_of_value(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                        const json_t *said, const char *expected);

/** complaint_of_name() - there is no @name for a member of @at; @known are the names that there are.
 * The one that was probably meant is shown, or all of them. */
void complaint_of_name(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                       const char *name, const char *const *known, size_t n_known);
