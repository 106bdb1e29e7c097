#include "histogram.h"

#define SPLIT_BITS 4

/* Values below 16 have a bucket each; above, the leading bit chooses a group and the
 * four bits behind it the bucket in the group. */
static unsigned bucket_of(uint64_t ns) {
    if (ns < ENC_HISTOGRAM_SPLIT)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - SPLIT_BITS;
    return (shift + 1) * ENC_HISTOGRAM_SPLIT + (unsigned)((ns >> shift) - ENC_HISTOGRAM_SPLIT);
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket) {
    if (bucket < 2 * ENC_HISTOGRAM_SPLIT)
        return bucket;
    unsigned shift = bucket / ENC_HISTOGRAM_SPLIT - 1;
    uint64_t low = (uint64_t)(bucket % ENC_HISTOGRAM_SPLIT + ENC_HISTOGRAM_SPLIT) << shift;
    return low + ((1ull << shift) >> 1);
}

void enc_histogram_add(struct enc_histogram *histogram, uint64_t ns) {
    histogram->count++;
    histogram->sum += (double)ns;
    if (ns > histogram->max)
        histogram->max = ns;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t enc_histogram_quantile(const struct enc_histogram *histogram, double q) {
    if (!histogram->count)
        return 0;
    uint64_t rank = (uint64_t)(q * (double)histogram->count), seen = 0;
    if (rank >= histogram->count)
        return histogram->max;
    unsigned count = sizeof histogram->buckets / sizeof *histogram->buckets;
    for (unsigned i = 0; i < count; i++) {
        seen += histogram->buckets[i];
        if (seen > rank) {
            uint64_t value = value_of(i);
            return value < histogram->max ? value : histogram->max;
        }
    }
    return histogram->max;
}

uint64_t enc_histogram_at_most(const struct enc_histogram *histogram, uint64_t ns) {
    uint64_t count = 0;
    for (unsigned i = 0; i < bucket_of(ns); i++)
        count += histogram->buckets[i];
    return count;
}

json_t *enc_histogram_to_json(const struct enc_histogram *histogram) {
    double count = (double)histogram->count;
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}",
                     "count",
                     (json_int_t)histogram->count,
                     "mean",
                     histogram->count ? histogram->sum / count / 1e9 : 0.0,
                     "p50",
                     (double)enc_histogram_quantile(histogram, 0.50) / 1e9,
                     "p90",
                     (double)enc_histogram_quantile(histogram, 0.90) / 1e9,
                     "p99",
                     (double)enc_histogram_quantile(histogram, 0.99) / 1e9,
                     "max",
                     (double)histogram->max / 1e9);
}
