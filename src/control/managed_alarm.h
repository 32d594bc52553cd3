/* control/managed_alarm.h: the alarms that target tracking keeps for its policies.
 *
 * They are alarms like others (alarm_book.h), with their state, history, tags and actions; but it is
 * the policy that judges them, by the periods that it really looks at, and acts. People may set
 * their state, switch their actions off or delete them: then nothing is scaled in that direction
 * until the policy is put again.
 */
#pragma once
#include "control/scaling_policy.h"

/* Without an alarm book (in tests) there are no alarms to see, and policies act all the same. */

/** managed_alarms_claim() - @p's alarms are in the book, with its present configuration
 * Return: 0 or -errno. */
int managed_alarms_claim(const struct scaling_policy *p);
/** managed_alarms_release() - @p is gone or gets others. Return: 0 or -errno. */
int managed_alarms_release(const struct scaling_policy *p);
/** managed_alarms_tell() - @p was judged: its alarms get the states that it has
 * Return: 0 or -errno. */
int managed_alarms_tell(const struct scaling_policy *p, const struct tracking_report *report,
                        wall_ms_t now);
/** managed_alarm_acts() - whether @p may scale in @direction */
bool managed_alarm_acts(const struct scaling_policy *p, enum direction direction);
