/* GetCost: what ran, what it cost, and what a fleet fixed at the peak would have cost. */
#include <errno.h>
#include <math.h>

#include "api/weir.h"
#include "base/error.h"
#include "control/meter.h"

static const struct shape input = STRUCTURE("GetCostInput");
/* Prices are absent where the type's price is not known. */
static const struct shape line = STRUCTURE(
    "CostLine", REQUIRED("EndpointName", &shape_string), REQUIRED("VariantName", &shape_string),
    REQUIRED("InstanceType", &shape_string), REQUIRED("RunningInstances", &shape_integer),
    REQUIRED("PeakInstances", &shape_integer), REQUIRED("InstanceSeconds", &shape_double),
    REQUIRED("Seconds", &shape_double), REQUIRED("StaticPeakInstanceSeconds", &shape_double),
    OPTIONAL("UsdPerHour", &shape_double), OPTIONAL("Usd", &shape_double),
    OPTIONAL("StaticPeakUsd", &shape_double), REQUIRED("FirstTime", &shape_timestamp),
    REQUIRED("LastTime", &shape_timestamp));
static const struct shape lines = LIST("CostLines", &line);
static const struct shape output = STRUCTURE("GetCostOutput", REQUIRED("Lines", &lines));

/* A number that may be unknown; NULL, which json_pack()'s "o*" leaves out, if it is. */
static json_t *known(double n)
{
    return isnan(n) ? NULL : json_real(n);
}

static int add_line(const struct meter_line *l, void *context)
{
    json_t *described = json_pack(
        "{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:o*, s:o*, s:o*, s:f, s:f}", "EndpointName",
        l->endpoint, "VariantName", l->variant, "InstanceType", l->instance_type,
        "RunningInstances", (int)l->running, "PeakInstances", (int)l->peak, "InstanceSeconds",
        l->instance_seconds, "Seconds", l->seconds, "StaticPeakInstanceSeconds",
        l->static_peak_seconds, "UsdPerHour", known(l->usd_per_hour), "Usd", known(l->usd),
        "StaticPeakUsd", known(l->static_peak_usd), "FirstTime", (double)l->first / 1000,
        "LastTime", (double)l->last / 1000);

    return json_array_append_new(context, described) ? -ENOMEM : 0;
}

static int get_cost(struct api_call *call)
{
    json_t *list = json_array();
    int r = list ? meter_each(call->control->meter, add_line, list) : -ENOMEM;

    if (r) {
        json_decref(list);
        return fault(r);
    }
    call->output = json_pack("{s:o}", "Lines", list);
    return 0;
}

const struct operation weir_cost_operations[] = {
    { "GetCost", &input, &output, get_cost },
    { NULL },
};
