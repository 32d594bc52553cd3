/* wire/link_layout.h: every struct of the link, described by a table of its members.
 *
 * One writer (link.c) and one reader (link_read.c) walk the tables; nobody else sees them. A member
 * that is added to a struct needs one row and works both ways.
 */
#pragma once
#include "wire/link.h"

enum link_member_type {
    MEMBER_TEXT,
    MEMBER_CHOICE,
    MEMBER_FLAG,
    MEMBER_UNSIGNED,
    MEMBER_U64,
    MEMBER_MS,
    MEMBER_NUMBER,
    MEMBER_HISTOGRAM,
    MEMBER_OBJECT,
    MEMBER_LIST
};

struct link_member {
    const char *name;
    enum link_member_type type;
    bool required;
    size_t offset;
    size_t size;                  /* MEMBER_TEXT: bytes of the array */
    const char *const *choices;   /* MEMBER_CHOICE: names by value, NULL-terminated */
    const struct link_layout *of; /* MEMBER_OBJECT and MEMBER_LIST: what is inside */
    size_t count_offset;          /* MEMBER_LIST: where the number of elements is */
};

struct link_layout {
    size_t size;
    const struct link_member *members; /* up to the one without a name */
    const void *defaults;              /* a struct of that size; NULL: zeros */
};

extern const struct link_layout link_layout_settings, link_layout_credential, link_layout_endpoint,
    link_layout_group, link_layout_snapshot;

/* by enum link_type; names are NULL-terminated */
extern const char *const link_type_names[];
extern const struct link_layout *const link_message_layouts[];
/* by enum link_kind */
extern const struct link_layout *const link_kind_layouts[];

/** link_layout_deinit() - free the lists in @object, which is empty then */
void link_layout_deinit(const struct link_layout *layout, void *object);
