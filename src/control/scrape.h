/* control/scrape.h: weir's state and counters as text for Prometheus and its kin.
 *
 * Every name starts with weir_, units are base units, labels are endpoint and variant where a
 * number is a variant's. docs/metrics.md lists them.
 */
#pragma once
#include "base/buffer.h"
#include "control/control.h"
#include "metrics/exposition.h"

/** scrape() - all of it. Return: 0, -ENOBUFS or -ENOMEM. */
int scrape(struct control *c, enum exposition_format format, struct buffer *out);
