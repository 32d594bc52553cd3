/* control/scaling_configuration.h: from a policy's configuration, as AWS writes it, to what
 * src/scaling reads. */
#pragma once
#include "control/scaling_policy.h"

/**
 * scaling_configuration_read()
 * @configuration: a TargetTrackingScalingPolicyConfiguration of the right shape; must outlive @ret,
 *                 as must @t
 * @ret_math:      set where @ret has metric math, which it owns; to query_series_deinit(), also
 *                 when this fails
 * @ret_why:       with SCALING_E_CONFIGURATION, a sentence
 */
int scaling_configuration_read(const struct scaling_target *t, json_t *configuration,
                               struct tracking *ret, struct query_series *ret_math,
                               char ret_why[SCALING_WHY_BYTES]);
/** scaling_configuration_read_steps() - the same of a StepScalingPolicyConfiguration */
int scaling_configuration_read_steps(json_t *configuration, struct step_scaling *ret,
                                     char ret_why[SCALING_WHY_BYTES]);
/** scaling_configuration_same_metric() - both track the same metric */
bool scaling_configuration_same_metric(const struct tracking *a, const struct tracking *b);
