/* Records of metrics from a file: whatever they say, the store that they make can be read, aged and
 * written again, and what is written then says the same. */
#include "metrics/journal.h"

#include "fuzz.h"
#include "metrics/metrics.h"

enum { SERIES_MAX = 20, NAMES_MAX = 50 };

struct walk {
    const struct metrics *metrics, *again;
};

static int compare(const struct metric_name *name, void *context)
{
    const struct walk *w = context;
    struct metric_statistic p90 = { STATISTIC_PERCENTILE, 90 };
    double value[4], count[4], value_again[4], count_again[4];

    metrics_read(w->metrics, name, METRIC_UNIT_ANY, 0, 86400 * 365, 4, &p90, value, count);
    metrics_read(w->again, name, METRIC_UNIT_ANY, 0, 86400 * 365, 4, &p90, value_again,
                 count_again);
    for (int i = 0; i < 4; i++)
        MUST(count[i] == count_again[i]);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(metrics_free) struct metrics *m = NULL, *again = NULL;
    autofree(metric_journal_reader_free) struct metric_journal_reader *reader = NULL,
                                                                      *second = NULL;
    autofree(metric_journal_free) struct metric_journal *journal = NULL;
    struct buffer records;
    struct walk walk;

    MUST(metrics_new(SERIES_MAX, &m) == 0 && metrics_new(SERIES_MAX, &again) == 0);
    MUST(metric_journal_reader_new(m, &reader) == 0 &&
         metric_journal_reader_new(again, &second) == 0);
    metric_journal_read(reader, data, size);

    MUST(metric_journal_new(m, &journal) == 0);
    MUST(metric_journal_write(journal, SIZE_MAX / 2));
    MUST(metric_journal_take(journal, &records) == 0);
    MUST(metric_journal_read(second, buffer_data(&records), buffer_size(&records)) == 0);
    buffer_deinit(&records);
    walk = (struct walk){ m, again };
    metrics_list(m, &(struct metrics_filter){ 0 }, compare, &walk);
    metrics_age(m, 1767322800000);
    return 0;
}
