/* control/forecaster.h: makes the forecasts of predictive scaling policies, and what follows.
 *
 * A forecast is made as soon as a day of the load is known, and anew when six hours have passed; at
 * most one a second, whoever has waited longest, as reading two weeks takes a millisecond or two. It is in
 * the store before it is acted on. What it says of the hour that begins is put as metrics, which is
 * also where GetPredictiveScalingForecast finds hours that are over.
 *
 *   AWS/ApplicationAutoScaling   PredictiveScalingLoadForecast, PredictiveScalingCapacityForecast,
 *                                PredictiveScalingMetricPairCorrelation
 *
 * Source: Application Auto Scaling User Guide, "Predictive scaling", "Monitor usage of scalable
 * resources using CloudWatch".
 */
#pragma once
#include "control/predictive.h"
#include "control/scaling_policy.h"
#include "scaling/wish.h"

/** forecaster_tick() - forecast, publish; call once a second. Return: 0, or -errno if the store
 * failed. */
int forecaster_tick(struct autoscaler *a, wall_ms_t now);

/* Of a predictive policy: */

/** forecaster_buffer_ms() - how long before its hour a capacity is wanted */
ms_t forecaster_buffer_ms(const struct scaling_policy *p);
/** forecaster_wish() - what it wants at @now. Return: false if nothing: it does not act, or nothing is
 * forecast. */
bool forecaster_wish(const struct scaling_policy *p, wall_ms_t now, struct wish *ret);
/** forecaster_reached() - @desired instances are asked for: note what of @p's wishes that fulfils */
void forecaster_reached(const struct scaling_policy *p, wall_ms_t now, int desired);
/** forecaster_make_room() - raise the target's maximum where a policy of its says so and needs it.
 * Return: 0 or -errno. */
int forecaster_make_room(struct scaling_target *t, wall_ms_t now);
/** forecaster_predicted() - the capacity that @t's policies predict for now, those too that do not
 * act. Return: false if they predict none. */
bool forecaster_predicted(const struct scaling_target *t, wall_ms_t now, int *ret);

/* Hours of a forecast, as GetPredictiveScalingForecast has them. */
struct forecast_point {
    wall_ms_t start;
    double value;
};

enum forecast_kind { FORECAST_LOAD, FORECAST_CAPACITY };
enum { FORECASTER_POINTS_MAX = 30 * 24 }; /* as many as there are in 30 days */

/**
 * forecaster_points() - the hours that start in [@from, @to), of which something is or was forecast
 * @to: what is more than 30 days after @from is left out. Return: how many.
 */
size_t forecaster_points(const struct scaling_policy *p, enum forecast_kind kind, wall_ms_t from,
                         wall_ms_t to, struct forecast_point ret[FORECASTER_POINTS_MAX]);
