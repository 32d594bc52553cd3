#include "metrics/metrics.h"

#include <string.h>

static const char *const texts[METRIC_UNIT_ANY] = {
    [METRIC_UNIT_NONE] = "None",
#define METRIC_UNIT(symbol, text) [METRIC_UNIT_##symbol] = text,
#include "metrics/units.def"
#undef METRIC_UNIT
};

const char *metric_unit_text(enum metric_unit unit)
{
    return unit < METRIC_UNIT_ANY ? texts[unit] : "None";
}

int metric_unit_parse(const char *text, enum metric_unit *ret_unit)
{
    for (unsigned i = 0; i < METRIC_UNIT_ANY; i++) {
        if (strcmp(texts[i], text) == 0) {
            *ret_unit = (enum metric_unit)i;
            return 0;
        }
    }
    return METRICS_E_INVALID;
}
