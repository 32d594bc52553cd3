/* api/shape.h: what requests and answers look like, as tables.
 *
 * AWS describes every service by shapes; so do we, as static const tables that are checked against
 * AWS's own models. The same shape reads a request in any protocol, checks it, and writes the
 * answer:
 *
 *     static const struct shape alarm_name = STRING("AlarmName", BETWEEN(1, 255));
 *     static const struct shape state = STRING("StateValue", ENUM("OK", "ALARM",
 * "INSUFFICIENT_DATA")); static const struct shape alarm_names = LIST("AlarmNames", &alarm_name,
 * AT_MOST(100)); static const struct shape describe_alarms_input = STRUCTURE("DescribeAlarmsInput",
 *         OPTIONAL("AlarmNames", &alarm_names),
 *         OPTIONAL("StateValue", &state),
 *         REQUIRED("Since", &shape_timestamp));
 *
 * Values are jansson's, whatever the protocol: structures and maps are objects, lists arrays,
 * integers json integers, doubles json reals, timestamps json reals in seconds since 1970. A member
 * that a shape does not have is left out, in requests (as AWS does) and in answers alike: a handler
 * may hand back a whole document and the output shape picks what belongs there.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

enum shape_type {
    SHAPE_STRUCTURE,
    SHAPE_LIST,
    SHAPE_MAP, /* from strings to element */
    SHAPE_STRING,
    SHAPE_INTEGER, /* 32 bits */
    SHAPE_LONG,
    SHAPE_DOUBLE, /* AWS's Float and Double */
    SHAPE_BOOLEAN,
    SHAPE_TIMESTAMP,
};

struct shape;

struct member {
    const char *name; /* NULL ends a list of members */
    const struct shape *shape;
    bool required;
};

struct shape {
    const char *name; /* AWS's name of the shape */
    enum shape_type type;
    bool has_min, has_max;
    double min, max;     /* numbers: the value; strings: characters; lists, maps: entries */
    const char *pattern; /* AWS's regular expression, as error messages quote it */
    const char *posix; /* the same as a POSIX extended one, where AWS's would mean something else */
    const char *const *values;    /* of an enum, NULL-terminated */
    const struct member *members; /* structures */
    const struct shape *element;  /* of lists; value of maps */
    const struct shape *key;      /* of maps: a string shape */
    bool non_finite; /* doubles: NaN and infinities pass, as the strings that clients send */
};

/* constraints, to be listed after a shape's name (or element) */
#define AT_LEAST(n)         .has_min = true, .min = (n)
#define AT_MOST(n)          .has_max = true, .max = (n)
#define BETWEEN(low, high)  AT_LEAST(low), AT_MOST(high)
#define PATTERN(aws)        .pattern = (aws)
#define PATTERN_AS(aws, re) .pattern = (aws), .posix = (re)
#define ENUM(...)                                                                                  \
    .values = (const char *const[])                                                                \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

#define STRING(aws_name, ...)                                                                      \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_STRING, ##__VA_ARGS__                                    \
    }
#define INTEGER(aws_name, ...)                                                                     \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_INTEGER, ##__VA_ARGS__                                   \
    }
#define LONG(aws_name, ...)                                                                        \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_LONG, ##__VA_ARGS__                                      \
    }
#define DOUBLE(aws_name, ...)                                                                      \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_DOUBLE, ##__VA_ARGS__                                    \
    }
#define LIST(aws_name, of, ...)                                                                    \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_LIST, .element = (of), ##__VA_ARGS__                     \
    }
#define MAP(aws_name, from, to, ...)                                                               \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_MAP, .key = (from), .element = (to), ##__VA_ARGS__       \
    }
#define STRUCTURE(aws_name, ...)                                                                   \
    {                                                                                              \
        .name = (aws_name), .type = SHAPE_STRUCTURE, .members = (const struct member[])            \
        {                                                                                          \
            __VA_ARGS__ __VA_OPT__(, )                                                             \
            {                                                                                      \
                NULL                                                                               \
            }                                                                                      \
        }                                                                                          \
    }
#define REQUIRED(member_name, of)                                                                  \
    {                                                                                              \
        (member_name), (of), true                                                                  \
    }
#define OPTIONAL(member_name, of)                                                                  \
    {                                                                                              \
        (member_name), (of), false                                                                 \
    }

/* shapes without constraints, for members whose AWS shape has none */
extern const struct shape shape_string, shape_integer, shape_long, shape_double, shape_boolean,
    shape_timestamp;

enum { SHAPE_DEPTH_MAX = 32 };
enum { SHAPE_E_TYPE = 1 }; /* a value is of another type than its shape */

/**
 * shape_read() - bring what a protocol decoded into the form that handlers expect
 * @value:   borrowed. Whole reals pass for integers and integers for reals, as both are sent.
 * @ret_why: with SHAPE_E_TYPE, a sentence naming the member, to free()
 *
 * Unknown members and nulls are dropped. Return: 0, SHAPE_E_TYPE or a negative errno.
 */
int shape_read(const struct shape *shape, json_t *value, json_t **ret_value, char **ret_why);

/* Regular expressions, compiled when first used. One for a program; not for several threads. */
struct patterns;
int patterns_new(struct patterns **ret_patterns);
struct patterns *patterns_free(struct patterns *p);
DEFINE_AUTOFREE(struct patterns *, patterns_free)

/**
 * shape_check() - hold a value that shape_read() made to its shape's constraints
 * @why: gets AWS's sentence, "2 validation errors detected: Value ... at 'a.1.member.b' failed to
 *       satisfy constraint: ...; ..."; lists at most 10 failures
 *
 * Return: the number of failures, or a negative errno.
 */
int shape_check(const struct shape *shape, json_t *value, struct patterns *patterns,
                struct buffer *why);
