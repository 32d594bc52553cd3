/* PutMetricData. The whole request is checked before anything is stored; what is wrong with it is
 * told line by line, as CloudWatch does, under the error of the first. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cloudwatch.h"
#include "api/number.h"
#include "base/error.h"
#include "control/query_series.h"

enum { DATA_MAX = 1000, VALUES_MAX = 150, COMPLAINTS_MAX = 20, PATH_BYTES = 96 };

static const char invalid_value[] = "InvalidParameterValueException";
static const char invalid_combination[] = "InvalidParameterCombinationException";
static const char missing[] = "MissingRequiredParameterException";

static const struct shape values = LIST("Values", &cloudwatch_number);
static const struct shape counts = LIST("Counts", &cloudwatch_number);
static const struct shape storage_resolution = INTEGER("StorageResolution", AT_LEAST(1));
static const struct shape statistic_set =
    STRUCTURE("StatisticSet", REQUIRED("SampleCount", &cloudwatch_number),
              REQUIRED("Sum", &cloudwatch_number), REQUIRED("Minimum", &cloudwatch_number),
              REQUIRED("Maximum", &cloudwatch_number));
static const struct shape metric_datum = STRUCTURE(
    "MetricDatum", REQUIRED("MetricName", &cloudwatch_metric_name),
    OPTIONAL("Dimensions", &cloudwatch_dimensions), OPTIONAL("Timestamp", &shape_timestamp),
    OPTIONAL("Value", &cloudwatch_number), OPTIONAL("StatisticValues", &statistic_set),
    OPTIONAL("Values", &values), OPTIONAL("Counts", &counts), OPTIONAL("Unit", &cloudwatch_unit),
    OPTIONAL("StorageResolution", &storage_resolution));
static const struct shape metric_data = LIST("MetricData", &metric_datum);

/* What the data are about; they are kept whoever they come from. */
static const struct shape key_attribute = STRING("EntityKeyAttributesMapKeyString", BETWEEN(1, 32));
static const struct shape key_attribute_value =
    STRING("EntityKeyAttributesMapValueString", BETWEEN(1, 2048));
static const struct shape key_attributes =
    MAP("EntityKeyAttributesMap", &key_attribute, &key_attribute_value, BETWEEN(2, 4));
static const struct shape attribute = STRING("EntityAttributesMapKeyString", BETWEEN(1, 256));
static const struct shape attribute_value =
    STRING("EntityAttributesMapValueString", BETWEEN(1, 2048));
static const struct shape attributes =
    MAP("EntityAttributesMap", &attribute, &attribute_value, BETWEEN(0, 10));
static const struct shape entity = STRUCTURE("Entity", OPTIONAL("KeyAttributes", &key_attributes),
                                             OPTIONAL("Attributes", &attributes));
static const struct shape entity_metric_data = STRUCTURE(
    "EntityMetricData", OPTIONAL("Entity", &entity), OPTIONAL("MetricData", &metric_data));
static const struct shape entity_metric_data_list =
    LIST("EntityMetricDataList", &entity_metric_data);

static const struct shape put_metric_data_input = STRUCTURE(
    "PutMetricDataInput", REQUIRED("Namespace", &cloudwatch_namespace),
    OPTIONAL("MetricData", &metric_data), OPTIONAL("EntityMetricData", &entity_metric_data_list),
    OPTIONAL("StrictEntityValidation", &shape_boolean));

struct put {
    struct metric_name name;
    struct metric_datum datum;
};

struct batch {
    struct api_call *call;
    struct put *puts;
    size_t n_puts;
    double *numbers; /* of all data's Values and Counts */
    size_t n_numbers;
    const char *error; /* of the first complaint; NULL: there is none */
    struct buffer complaints;
    unsigned n_complaints;
    int fault;
};

/* --- complaints ------------------------------------------------------------------------------- */

static void complain(struct batch *b, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct batch *b, const char *error, const char *format, ...)
{
    va_list args;
    int r = 0;

    if (!b->error)
        b->error = error;
    if (b->n_complaints++ >= COMPLAINTS_MAX)
        return;
    if (b->n_complaints > 1)
        r = buffer_puts(&b->complaints, "\n");
    va_start(args, format);
    if (!r)
        r = buffer_vprintf(&b->complaints, format, args);
    va_end(args);
    if (r && !b->fault)
        b->fault = r;
}

static void complain_of_value(struct batch *b, const char *path, const char *member,
                              const char *text)
{
    complain(b, invalid_value, "The value %s for parameter %s.%s is invalid.", text, path, member);
}

/* --- one datum -------------------------------------------------------------------------------- */

/* Return: the number, or 0 with a complaint if it is not one that can be kept. */
static double read_number(struct batch *b, json_t *value, const char *path, const char *member,
                          bool positive)
{
    double d = json_number_value(value);
    char text[NUMBER_BYTES];

    if (json_is_string(value)) {
        complain_of_value(b, path, member, json_string_value(value));
        return 0;
    }
    if (fabs(d) > METRICS_VALUE_MAX || (positive && d <= 0)) {
        number_text(d, text);
        complain_of_value(b, path, member, text);
        return 0;
    }
    return d;
}

static void read_numbers(struct batch *b, json_t *list, const char *path, const char *member,
                         bool positive, const double **ret_numbers)
{
    double *to = b->numbers + b->n_numbers;
    char item[PATH_BYTES];
    json_t *value;
    size_t i;

    json_array_foreach (list, i, value) {
        snprintf(item, sizeof(item), "%s.member.%zu", member, i + 1);
        to[i] = read_number(b, value, path, item, positive);
    }
    b->n_numbers += json_array_size(list);
    *ret_numbers = to;
}

static void read_values(struct batch *b, json_t *given, const char *path, struct metric_datum *d)
{
    json_t *list = json_object_get(given, "Values"), *how_often = json_object_get(given, "Counts");

    read_numbers(b, list, path, "Values", false, &d->values);
    d->n_values = json_array_size(list);
    if (!how_often)
        return;
    if (json_array_size(how_often) != d->n_values)
        complain(b, invalid_value,
                 "The parameters %s.Values and %s.Counts must be of the same size.", path, path);
    else
        read_numbers(b, how_often, path, "Counts", true, &d->counts);
}

static void read_set(struct batch *b, json_t *set, const char *path, struct metric_datum *d)
{
    char within[PATH_BYTES + 16];

    snprintf(within, sizeof(within), "%s.StatisticValues", path);
    d->count = read_number(b, json_object_get(set, "SampleCount"), within, "SampleCount", true);
    d->sum = read_number(b, json_object_get(set, "Sum"), within, "Sum", false);
    d->min = read_number(b, json_object_get(set, "Minimum"), within, "Minimum", false);
    d->max = read_number(b, json_object_get(set, "Maximum"), within, "Maximum", false);
    if (d->min > d->max)
        complain(b, invalid_value,
                 "The parameter %s.Minimum must be less than or equal to the parameter %s.Maximum.",
                 within, within);
}

static void exclusive(struct batch *b, const char *error, const char *path, const char *one,
                      const char *other)
{
    complain(b, error,
             "The parameters %s.%s and %s.%s are mutually exclusive and you have specified both.",
             path, one, path, other);
}

static void read_what_happened(struct batch *b, json_t *given, const char *path,
                               struct metric_datum *d)
{
    json_t *value = json_object_get(given, "Value");
    json_t *set = json_object_get(given, "StatisticValues");
    bool some = json_array_size(json_object_get(given, "Values")) > 0;

    if (value && some)
        exclusive(b, invalid_value, path, "Value", "Values");
    else if (value && set)
        exclusive(b, invalid_combination, path, "Value", "StatisticValues");
    else if (some && set)
        exclusive(b, invalid_combination, path, "Values", "StatisticValues");
    else if (set)
        read_set(b, set, path, d);
    else if (some || json_array_size(json_object_get(given, "Counts")) > 0)
        read_values(b, given, path, d);
    else if (value) {
        d->n_values = 1;
        d->values = b->numbers + b->n_numbers;
        b->numbers[b->n_numbers++] = read_number(b, value, path, "Value", false);
    } else
        complain(b, missing, "At least one of the parameters must be specified.");
}

static void read_time(struct batch *b, json_t *given, const char *path, struct metric_datum *d)
{
    json_int_t resolution_s = 60;

    d->at = b->call->now;
    if (json_object_get(given, "Timestamp"))
        d->at = cloudwatch_time(given, "Timestamp");
    if (d->at < b->call->now - METRICS_PAST_MAX)
        complain(b, invalid_value,
                 "The parameter %s.Timestamp must specify a time within the past two weeks.", path);
    if (d->at > b->call->now + METRICS_FUTURE_MAX)
        complain(b, invalid_value,
                 "The parameter %s.Timestamp must specify a time no more than two hours in the "
                 "future.",
                 path);

    if (json_object_get(given, "StorageResolution"))
        resolution_s = json_integer_value(json_object_get(given, "StorageResolution"));
    if (resolution_s != 1 && resolution_s != 60)
        complain(b, invalid_value,
                 "The value %" JSON_INTEGER_FORMAT
                 " for parameter %s.StorageResolution is invalid.",
                 resolution_s, path);
    d->resolution_s = resolution_s == 1 ? 1 : 60;
}

/* Names are printable ASCII, and not only of spaces. */
static bool is_name(const char *text)
{
    bool blank = true;

    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
        blank &= *text == ' ';
    }
    return !blank;
}

static bool is_repeated(const struct metric_name *name, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(name->dimensions[k].name, name->dimensions[i].name) == 0)
            return true;
    return false;
}

static void check_name(struct batch *b, const struct metric_name *name, const char *path)
{
    if (!is_name(name->name))
        complain_of_value(b, path, "MetricName", name->name);
    for (size_t i = 0; i < name->n_dimensions; i++) {
        const struct metric_dimension *d = &name->dimensions[i];
        char member[PATH_BYTES];

        snprintf(member, sizeof(member), "Dimensions.member.%zu.Name", i + 1);
        if (!is_name(d->name) || d->name[0] == ':' || is_repeated(name, i))
            complain_of_value(b, path, member, d->name);
        snprintf(member, sizeof(member), "Dimensions.member.%zu.Value", i + 1);
        if (!is_name(d->value))
            complain_of_value(b, path, member, d->value);
    }
}

static void read_datum(struct batch *b, json_t *given, const char *path, const char *namespace)
{
    struct put *put = &b->puts[b->n_puts++];

    query_series_name(given, &put->name);
    put->name.namespace = namespace;
    check_name(b, &put->name, path);
    put->datum.unit = cloudwatch_read_unit(given, METRIC_UNIT_NONE);
    read_time(b, given, path, &put->datum);
    read_what_happened(b, given, path, &put->datum);
}

/* --- the batch -------------------------------------------------------------------------------- */

static void count_numbers(struct batch *b, json_t *list, const char *path, size_t *n)
{
    json_t *given;
    size_t i;

    json_array_foreach (list, i, given) {
        size_t n_values = json_array_size(json_object_get(given, "Values"));

        if (n_values > VALUES_MAX)
            complain(b, invalid_value,
                     "The collection %s.member.%zu.Values must not have a size greater than %d.",
                     path, i + 1, VALUES_MAX);
        *n += 1 + n_values + json_array_size(json_object_get(given, "Counts"));
    }
}

/* Calls @each for MetricData and for that of every entity. */
static void walk_lists(struct batch *b,
                       void (*each)(struct batch *b, json_t *list, const char *path, size_t *n),
                       size_t *n)
{
    json_t *entities = input_get(b->call, "EntityMetricData"), *one;
    char path[PATH_BYTES];
    size_t i;

    each(b, input_get(b->call, "MetricData"), "MetricData", n);
    json_array_foreach (entities, i, one) {
        snprintf(path, sizeof(path), "EntityMetricData.member.%zu.MetricData", i + 1);
        each(b, json_object_get(one, "MetricData"), path, n);
    }
}

static void count_data(struct batch *b, json_t *list, const char *path, size_t *n)
{
    if (json_array_size(list) > DATA_MAX)
        complain(b, invalid_value, "The collection %s must not have a size greater than %d.", path,
                 DATA_MAX);
    *n += json_array_size(list);
}

static void read_data(struct batch *b, json_t *list, const char *path, size_t *n)
{
    const char *namespace = input_text(b->call, "Namespace");
    char item[PATH_BYTES];
    json_t *given;
    size_t i;

    json_array_foreach (list, i, given) {
        snprintf(item, sizeof(item), "%s.member.%zu", path, i + 1);
        read_datum(b, given, item, namespace);
        ++*n;
    }
}

static int read_batch(struct batch *b)
{
    const char *namespace = input_text(b->call, "Namespace");
    size_t n_data = 0, n_numbers = 0, n_read = 0;

    if (strncmp(namespace, "AWS/", 4) == 0 || !is_name(namespace))
        complain(b, invalid_value, "The value %s for parameter Namespace is invalid.", namespace);
    walk_lists(b, count_data, &n_data);
    if (n_data == 0)
        complain(b, missing, "The parameter MetricData is required.");
    else if (!b->error && n_data > DATA_MAX)
        complain(b, invalid_value, "A request must not have more than %d data.", DATA_MAX);
    walk_lists(b, count_numbers, &n_numbers);
    if (b->error)
        return 0;

    assert(n_data > 0 && n_numbers >= n_data);
    b->puts = calloc(n_data, sizeof(*b->puts));
    b->numbers = calloc(n_numbers, sizeof(*b->numbers));
    if (!b->puts || !b->numbers)
        return fault(-ENOMEM);
    walk_lists(b, read_data, &n_read);
    return fault(b->fault);
}

/* Whether all data have room; data of one new metric count each, so close to the limit a batch may
 * be refused that would just fit. */
static bool fits(const struct batch *b)
{
    struct metrics *m = b->call->control->metrics;
    size_t room = metrics_room(m), n_new = 0;

    for (size_t i = 0; i < b->n_puts && room < b->n_puts; i++) {
        enum metric_unit units[METRIC_UNIT_ANY];
        size_t n = metrics_units(m, &b->puts[i].name, units), k = 0;

        while (k < n && units[k] != b->puts[i].datum.unit)
            k++;
        n_new += k == n;
        if (n_new > room)
            return false;
    }
    return true;
}

static int store_batch(struct batch *b)
{
    if (!fits(b))
        return api_error(b->call, "LimitExceededFault",
                         "There are %zu metrics, and no room for as many new ones.",
                         metrics_series(b->call->control->metrics));
    for (size_t i = 0; i < b->n_puts; i++) {
        int r = metrics_put(b->call->control->metrics, &b->puts[i].name, &b->puts[i].datum,
                            b->call->now);

        if (r)
            return fault(r);
    }
    return 0;
}

static int put_metric_data(struct api_call *call)
{
    struct batch b = { .call = call, .complaints = BUFFER_INIT(1 << 16) };
    int r = read_batch(&b);

    if (r)
        r = fault(r);
    else if (b.error)
        r = api_error(call, b.error, "%.*s", (int)buffer_size(&b.complaints),
                      buffer_data(&b.complaints));
    else
        r = store_batch(&b);
    buffer_deinit(&b.complaints);
    free(b.puts);
    free(b.numbers);
    return r;
}

const struct operation cloudwatch_data_operations[] = {
    { "PutMetricData", &put_metric_data_input, NULL, put_metric_data },
    { NULL },
};
