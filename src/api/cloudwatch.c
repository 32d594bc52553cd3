#include "api/cloudwatch.h"

#include <math.h>

static const struct service_error errors[] = {
    { "InvalidParameterValueException", "InvalidParameterValue", 400 },
    { "InvalidParameterCombinationException", "InvalidParameterCombination", 400 },
    { "MissingRequiredParameterException", "MissingParameter", 400 },
    { "InvalidNextToken", NULL, 400 },
    { "InvalidFormatFault", "InvalidFormat", 400 },
    { "LimitExceededFault", "LimitExceeded", 400 },
    { "ResourceNotFound", NULL, 404 },
    { "ResourceNotFoundException", NULL, 404 },
    { "ConcurrentModificationException", NULL, 429 },
    { "InternalServiceFault", "InternalServiceError", 500 },
    { NULL },
};

const struct service cloudwatch_service = {
    .name = "Amazon CloudWatch",
    .signing_name = "monitoring",
    .protocols = SERVICE_JSON | SERVICE_QUERY | SERVICE_CBOR,
    .target_prefix = "GraniteServiceVersion20100801",
    .json_version = "1.0",
    .query_version = "2010-08-01",
    .xml_namespace = "http://monitoring.amazonaws.com/doc/2010-08-01/",
    .error_namespace = "com.amazonaws.cloudwatch#",
    .constraint_error = "ValidationError",
    .token_error = "InvalidNextToken",
    .errors = errors,
    .groups =
        (const struct operation *const[]){
            cloudwatch_data_operations,
            cloudwatch_read_operations,
            cloudwatch_query_operations,
            cloudwatch_alarm_operations,
            cloudwatch_alarm_put_operations,
            cloudwatch_alarm_state_operations,
            cloudwatch_alarm_history_operations,
            cloudwatch_tag_operations,
            NULL,
        },
};

enum metric_unit cloudwatch_read_unit(json_t *value, enum metric_unit absent)
{
    const char *text = json_string_value(json_object_get(value, "Unit"));
    enum metric_unit unit;

    return text && metric_unit_parse(text, &unit) == 0 ? unit : absent;
}

wall_ms_t cloudwatch_time(json_t *value, const char *member)
{
    return (wall_ms_t)floor(json_number_value(json_object_get(value, member)) * 1000 + 0.5);
}

bool cloudwatch_period_valid(json_int_t period_s)
{
    return period_s == 1 || period_s == 5 || period_s == 10 || period_s == 20 || period_s == 30 ||
           (period_s > 0 && period_s % 60 == 0);
}

wall_ms_t cloudwatch_round_start(wall_ms_t start, unsigned period_s, wall_ms_t now)
{
    unsigned resolution_s = metrics_resolution(start, now);
    ms_t to;

    if (resolution_s == 0)
        resolution_s = 3600;
    if (resolution_s < 60)
        resolution_s = 60;
    to = (period_s < 60 ? period_s : resolution_s) * MS_PER_S;
    return start - (start % to + to) % to;
}
