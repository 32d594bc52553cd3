/* DeleteAlarms, SetAlarmState, EnableAlarmActions, DisableAlarmActions. */
#include <errno.h>
#include <string.h>

#include "api/cloudwatch_alarms.h"
#include "base/error.h"

enum { NAMES_MAX = 100 };

static const struct shape state_reason = STRING("StateReason", AT_MOST(1023));
static const struct shape state_reason_data = STRING("StateReasonData", AT_MOST(4000));
static const struct shape set_state_input = STRUCTURE(
    "SetAlarmStateInput", REQUIRED("AlarmName", &cloudwatch_alarm_name),
    REQUIRED("StateValue", &cloudwatch_alarm_state), REQUIRED("StateReason", &state_reason),
    OPTIONAL("StateReasonData", &state_reason_data));
static const struct shape names_input =
    STRUCTURE("AlarmNamesInput", REQUIRED("AlarmNames", &cloudwatch_alarm_names));

/* The alarms that AlarmNames names, each once; unknown names are passed over. */
struct chosen {
    struct alarm *alarms[NAMES_MAX];
    size_t n;
};

static void choose(const struct api_call *call, struct chosen *ret)
{
    json_t *name;
    size_t i;

    ret->n = 0;
    json_array_foreach (input_get(call, "AlarmNames"), i, name) {
        struct alarm *a = alarm_book_find(call->control->alarms, json_string_value(name));
        bool known = !a;

        for (size_t k = 0; k < ret->n; k++)
            known |= ret->alarms[k] == a;
        if (!known && ret->n < NAMES_MAX)
            ret->alarms[ret->n++] = a;
    }
}

/* --- DeleteAlarms ----------------------------------------------------------------------------- */

static bool is_chosen(const struct chosen *chosen, const struct alarm *a)
{
    for (size_t i = 0; i < chosen->n; i++)
        if (chosen->alarms[i] == a)
            return true;
    return false;
}

/* Whether a composite alarm that stays depends on @a. */
static bool is_needed(struct alarm *const *all, const struct chosen *chosen, const struct alarm *a)
{
    for (struct alarm *const *other = all; *other; other++)
        if (!is_chosen(chosen, *other) && alarm_names_child(*other, a))
            return true;
    return false;
}

static int check_needed(struct api_call *call, const struct chosen *chosen)
{
    autofree(mem_free) struct alarm **all = alarm_book_sorted(call->control->alarms);
    autobuffer struct buffer names = BUFFER_INIT(NAMES_MAX * (ALARM_NAME_CHARS_MAX * 4 + 1));
    size_t n = 0;

    if (!all)
        return fault(-ENOMEM);
    for (size_t i = 0; i < chosen->n; i++) {
        if (!is_needed(all, chosen, chosen->alarms[i]))
            continue;
        if (buffer_printf(&names, "%s%s", n++ > 0 ? "," : "", chosen->alarms[i]->name) != 0)
            return fault(-ENOMEM);
    }
    if (n == 0)
        return 0;
    return api_error(call, "ValidationError",
                     "Cannot delete %s as there are composite alarm(s) depending on %s.",
                     buffer_cstr(&names), n > 1 ? "them" : "it");
}

static int delete_alarms(struct api_call *call)
{
    struct chosen chosen;
    size_t composites = 0;
    int r;

    choose(call, &chosen);
    for (size_t i = 0; i < chosen.n; i++)
        composites += chosen.alarms[i]->kind == ALARM_COMPOSITE;
    if (composites > 1)
        return api_error(call, "ValidationError",
                         "Only one composite alarm can be deleted in a single operation.");
    r = check_needed(call, &chosen);
    return r ? r : fault(alarm_book_delete(call->control->alarms, chosen.alarms, chosen.n));
}

/* --- actions ---------------------------------------------------------------------------------- */

static int enable(struct api_call *call, bool enabled)
{
    struct chosen chosen;

    choose(call, &chosen);
    return fault(alarm_book_enable(call->control->alarms, chosen.alarms, chosen.n, enabled));
}

static int enable_actions(struct api_call *call)
{
    return enable(call, true);
}

static int disable_actions(struct api_call *call)
{
    return enable(call, false);
}

/* --- SetAlarmState ---------------------------------------------------------------------------- */

static int set_state(struct api_call *call)
{
    struct alarm *a = alarm_book_find(call->control->alarms, input_text(call, "AlarmName"));
    const char *data = input_text(call, "StateReasonData");
    json_auto_t *parsed = data ? json_loads(data, 0, NULL) : NULL;
    enum alarm_state state;

    if (!a)
        return api_error(call, "ResourceNotFound", "Alarm %s does not exist",
                         input_text(call, "AlarmName"));
    if (data && !parsed)
        return api_error(call, "InvalidFormatFault", "StateReasonData is not valid JSON");
    if (alarm_state_parse(input_text(call, "StateValue"), &state) != 0)
        return fault(-EINVAL);
    return fault(alarm_book_set_state(a, state, input_text(call, "StateReason"), data));
}

const struct operation cloudwatch_alarm_state_operations[] = {
    { "DeleteAlarms", &names_input, NULL, delete_alarms },
    { "SetAlarmState", &set_state_input, NULL, set_state },
    { "EnableAlarmActions", &names_input, NULL, enable_actions },
    { "DisableAlarmActions", &names_input, NULL, disable_actions },
    { NULL },
};
