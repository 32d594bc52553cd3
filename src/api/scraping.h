/* api/scraping.h: GET /metrics, for Prometheus and its kin.
 *
 * Scrapers do not sign requests. So who asks from this machine is answered without a signature,
 * others only with one, unless it is opened to all (weir serve --metrics open).
 */
#pragma once
#include "api/answer.h"
#include "control/control.h"

/** scraping_asked() - whether @head asks for it, where it is to be had */
bool scraping_asked(const struct control *c, const struct http_head *head);
void scraping_answer(struct control *c, const struct http_head *head, struct answer *a);
