/* Histograms: quantiles within five per cent, of any shape and size. */
#include "fixture.h"
#include "histogram.h"

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void check(uint64_t *values, size_t count) {
    static const double parts[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    struct enc_histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    for (size_t i = 0; i < count; i++)
        enc_histogram_add(histogram, values[i]);
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint64_t exact = values[(size_t)(parts[i] * (double)count)];
        double got = (double)enc_histogram_quantile(histogram, parts[i]);
        if (got < (double)exact * 0.95 || got > (double)exact * 1.05)
            fail_msg("quantile %g: %g instead of %llu", parts[i], got, (unsigned long long)exact);
    }
    assert_int_equal(histogram->count, count);
    assert_int_equal(histogram->max, values[count - 1]);
    assert_int_equal(enc_histogram_quantile(histogram, 1), values[count - 1]);
    uint64_t middle = values[count / 2], below = 0, above = 0;
    for (size_t i = 0; i < count; i++) {
        below += (double)values[i] < (double)middle * 0.94;
        above += values[i] <= middle;
    }
    assert_in_range(enc_histogram_at_most(histogram, middle), below, above);
    free(histogram);
}

static void test_quantiles(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    uint64_t *values = calloc(COUNT, sizeof *values);
    assert_non_null(values);
    srand(7);
    for (size_t i = 0; i < COUNT; i++) /* even */
        values[i] = 1000 + (uint64_t)rand() % 1000000;
    check(values, COUNT);
    for (size_t i = 0; i < COUNT; i++) /* over all powers of two */
        values[i] = ((uint64_t)rand() << 32 | (uint64_t)rand()) >> (rand() % 60);
    check(values, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 123456789;
    check(values, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i % 40;
    check(values, COUNT);
    values[0] = UINT64_MAX;
    check(values, 1);
    free(values);
}

static void test_json(void **state) {
    (void)state;
    struct enc_histogram histogram = {0};
    double count, mean, p50, max;
    for (int turn = 0; turn < 2; turn++) {
        json_t *json = enc_histogram_to_json(&histogram);
        assert_int_equal(json_unpack(json,
                                     "{s:F, s:F, s:F, s:F}",
                                     "count",
                                     &count,
                                     "mean",
                                     &mean,
                                     "p50",
                                     &p50,
                                     "max",
                                     &max),
                         0);
        assert_true(count == turn * 2 && max == turn * 3.0 && mean == turn * 2.0);
        assert_true(p50 >= turn * 2.85 && p50 <= turn * 3.0);
        json_decref(json);
        enc_histogram_add(&histogram, SECONDS(1));
        enc_histogram_add(&histogram, SECONDS(3));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
