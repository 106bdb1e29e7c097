/* histogram.h - how long things took: counts in buckets of a fixed number, each about 6 %
 * wide, from 1 ns up. Provides quantiles; keeps no samples and allocates nothing. */
#ifndef ENC_HISTOGRAM_H
#define ENC_HISTOGRAM_H

#include <jansson.h>
#include <stdint.h>

#define ENC_HISTOGRAM_SPLIT 16 /* buckets for each power of two */

struct enc_histogram {
    uint64_t count, max;
    double sum;
    uint64_t buckets[(64 - 4 + 1) * ENC_HISTOGRAM_SPLIT];
};

void enc_histogram_add(struct enc_histogram *histogram, uint64_t ns);

/* The value that the part q (0 to 1) of all values does not exceed, within 5 %; 0 when there are
 * no values. */
uint64_t enc_histogram_quantile(const struct enc_histogram *histogram, double q);

/* How many values were at most ns, less those in the bucket of ns: within 6 % of ns. */
uint64_t enc_histogram_at_most(const struct enc_histogram *histogram, uint64_t ns);

/* { count, mean, p50, p90, p99, max } in seconds; a new object. */
json_t *enc_histogram_to_json(const struct enc_histogram *histogram);

#endif
