/* DescribeAlarmHistory. */
#include <errno.h>
#include <string.h>

#include "api/cloudwatch_alarms.h"
#include "base/error.h"
#include "control/changes.h"

enum { PAGE_DEFAULT = 100 };

static const struct shape item_type =
    STRING("HistoryItemType", ENUM("ConfigurationUpdate", "StateUpdate", "Action",
                                   "AlarmContributorStateUpdate", "AlarmContributorAction"));
static const struct shape max_records = INTEGER("MaxRecords", BETWEEN(1, 100));
static const struct shape scan_by =
    STRING("ScanBy", ENUM("TimestampDescending", "TimestampAscending"));
static const struct shape input =
    STRUCTURE("DescribeAlarmHistoryInput", OPTIONAL("AlarmName", &cloudwatch_alarm_name),
              OPTIONAL("AlarmTypes", &cloudwatch_alarm_types),
              OPTIONAL("HistoryItemType", &item_type), OPTIONAL("StartDate", &shape_timestamp),
              OPTIONAL("EndDate", &shape_timestamp), OPTIONAL("MaxRecords", &max_records),
              OPTIONAL("NextToken", &shape_string), OPTIONAL("ScanBy", &scan_by));

static const struct shape alarm_type = STRING("AlarmType", ENUM("CompositeAlarm", "MetricAlarm"));
static const struct shape item =
    STRUCTURE("AlarmHistoryItem", OPTIONAL("AlarmName", &cloudwatch_alarm_name),
              OPTIONAL("AlarmType", &alarm_type), OPTIONAL("Timestamp", &shape_timestamp),
              OPTIONAL("HistoryItemType", &item_type), OPTIONAL("HistorySummary", &shape_string),
              OPTIONAL("HistoryData", &shape_string));
static const struct shape items = LIST("AlarmHistoryItems", &item);
static const struct shape output =
    STRUCTURE("DescribeAlarmHistoryOutput", OPTIONAL("AlarmHistoryItems", &items),
              OPTIONAL("NextToken", &shape_string));

struct filter {
    const struct api_call *call;
    unsigned kinds; /* of alarms, 1 << each */
    const char *alarm, *type;
    wall_ms_t start, end;
};

static bool is_wanted(const struct filter *f, const struct alarm_event *e)
{
    return (!f->alarm || strcmp(f->alarm, e->alarm) == 0) &&
           (!f->type || strcmp(f->type, alarm_event_type_text(e->type)) == 0) &&
           (f->kinds & 1u << (e->composite ? ALARM_COMPOSITE : ALARM_OF_METRIC)) != 0 &&
           e->at >= f->start && e->at <= f->end;
}

static int add_path(json_t *paths, const struct filter *f, const struct alarm_event *e)
{
    char path[ALARM_HISTORY_PATH_BYTES];

    if (!is_wanted(f, e))
        return 0;
    alarm_event_path(e, path);
    return json_array_append_new(paths, json_pack("{s:s}", "Path", path));
}

/* Where the wanted items are, to make pages of; only what is on the page is read. */
static json_t *wanted_paths(const struct filter *f)
{
    struct list *events = &f->call->control->alarms->history.events;
    const char *order = input_text(f->call, "ScanBy");
    json_t *paths = json_array();
    int r = 0;

    if (order && strcmp(order, "TimestampAscending") == 0) {
        list_for_each (e, events, struct alarm_event, link)
            r |= add_path(paths, f, e);
    } else {
        list_for_each_backwards (e, events, struct alarm_event, link)
            r |= add_path(paths, f, e);
    }
    if (r) {
        json_decref(paths);
        return NULL;
    }
    return paths;
}

static int read_page(struct api_call *call, json_t *paths)
{
    json_t *list = json_array(), *path;
    size_t i;
    int r = list ? 0 : -ENOMEM;

    json_array_foreach (paths, i, path) {
        json_t *document;

        if (r)
            break;
        r = store_get(call->control->store, json_string_value(json_object_get(path, "Path")),
                      &document, NULL);
        if (!r && json_array_append_new(list, document) != 0)
            r = -ENOMEM;
    }
    if (json_object_set_new(call->output, "AlarmHistoryItems", list) != 0)
        r = -ENOMEM;
    return fault(r);
}

/* Beginnings of managed alarms wait for what is written next; they are read from the store. */
static int write_all(const struct api_call *call)
{
    return fault(changes_write(&call->control->alarms->changes, call->control));
}

static int describe_alarm_history(struct api_call *call)
{
    struct filter f = { .call = call,
                        .kinds = cloudwatch_wanted_kinds(call),
                        .alarm = input_text(call, "AlarmName"),
                        .type = input_text(call, "HistoryItemType"),
                        .start = INT64_MIN,
                        .end = INT64_MAX };
    json_t *paths;
    int r;

    if (input_get(call, "StartDate"))
        f.start = cloudwatch_time(call->input, "StartDate");
    if (input_get(call, "EndDate"))
        f.end = cloudwatch_time(call->input, "EndDate");
    if (f.start > f.end)
        return api_error(call, "ValidationError",
                         "The parameter StartDate must not be after the parameter EndDate.");
    r = write_all(call);
    if (r)
        return r;
    r = api_page(call, "Paths", wanted_paths(&f), "Path",
                 (size_t)input_integer(call, "MaxRecords", PAGE_DEFAULT));
    if (r)
        return r;
    paths = json_incref(json_object_get(call->output, "Paths"));
    r = read_page(call, paths);
    json_decref(paths);
    return r;
}

const struct operation cloudwatch_alarm_history_operations[] = {
    { "DescribeAlarmHistory", &input, &output, describe_alarm_history },
    { NULL },
};
