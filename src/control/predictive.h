/* control/predictive.h: predictive scaling: what a policy of this kind looks at and foresees.
 *
 * A policy names a load metric, of which the coming hours are forecast (scaling/forecast.h), and a
 * scaling metric with its target, which says what an instance can take (scaling/prediction.h). They
 * are read by the hour, as lists of queries; predefined metrics are lists that are made here. The
 * configuration has AWS's shapes. AWS offers such policies for ECS services only, so that the
 * predefined metrics of SageMaker variants are weir's own, called as AWS calls those of ECS.
 *
 * predictive.c reads configurations and stored forecasts, forecaster.c makes forecasts and acts.
 */
#pragma once
#include "control/query_series.h"
#include "control/scaling_target.h"
#include "scaling/prediction.h"

enum { PREDICTIVE_BUFFER_MAX_S = 3599, PREDICTIVE_BUFFER_DEFAULT_S = 300 };

/* A metric by the hour, with the list that its names are in. */
struct predictive_metric {
    json_t *list;
    struct query_series series;
};

struct predictive {
    /* as configured */
    struct predictive_metric load, scaling, capacity;
    double target;
    double factor; /* of struct prediction; NAN: to be learnt */
    bool acts;     /* ForecastAndScale */
    int buffer_s;  /* -1: by what instances take to start */
    int max_buffer; /* percent that the maximum may be raised beyond a forecast; -1: never raise it */

    struct prediction prediction;

    /* not stored: a restart begins anew */
    struct prediction_reached reached;
    wall_ms_t tried;     /* to forecast */
    wall_ms_t published; /* the hour that was, as metrics */
};

/**
 * predictive_new() - read a PredictiveScalingPolicyConfiguration; there is no forecast yet
 * @configuration: of the right shape; borrowed as long as @ret lives
 *
 * Return: 0, SCALING_E_CONFIGURATION (scaling_policy.h; *ret_why is a sentence) or -errno.
 */
int predictive_new(const struct scaling_target *t, json_t *configuration, struct predictive **ret,
                   char ret_why[QUERY_SERIES_WHY_BYTES]);
struct predictive *predictive_free(struct predictive *p);
DEFINE_AUTOFREE(struct predictive *, predictive_free)

/** predictive_document() - its forecast, to be stored; a new reference, NULL if no memory */
json_t *predictive_document(const struct predictive *p);
/** predictive_load() - a stored forecast; NULL: there is none. Return: 0 or -EINVAL. */
int predictive_load(struct predictive *p, json_t *document);
