/* The life of one sandbox, its files and its reset, on the fake driver. */
#include "fixture.h"

struct owner {
    struct enc_sandbox *sandbox;
    unsigned ready, broken, gone;
    struct enclave_error err;
    bool destroy_when_broken;
};

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    struct owner *owner = data;
    assert_ptr_equal(owner->sandbox, sandbox);
    owner->ready++;
}

static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct owner *owner = data;
    owner->broken++;
    owner->err = *err;
    if (owner->destroy_when_broken)
        enc_sandbox_destroy(sandbox, NULL);
}

static void on_gone(void *data, struct enc_sandbox *sandbox) {
    struct owner *owner = data;
    assert_ptr_equal(owner->sandbox, sandbox);
    owner->gone++;
    owner->sandbox = NULL;
}

static const struct enc_sandbox_events events = {on_ready, on_broken, on_gone};

static void create(struct fixture *f, struct owner *owner, const char *pool) {
    struct enclave_error err;
    *owner = (struct owner){0};
    owner->sandbox = enc_sandbox_new(f->host, f->config, pool, &events, owner, &err);
    assert_non_null(owner->sandbox);
    assert_int_equal(owner->ready, 0);
}

static void open_ready(struct fixture *f, struct owner *owner, const char *driver) {
    fixture_open(f, driver, "{}");
    create(f, owner, "p");
    UNTIL(f->loop, owner->ready);
}

static void remove_it(struct fixture *f, struct owner *owner) {
    if (owner->sandbox)
        enc_sandbox_destroy(owner->sandbox, NULL);
    UNTIL(f->loop, owner->gone);
    assert_int_equal(owner->gone, 1);
    fixture_close(f);
}

static void test_states_of_a_pooled_one(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner, other;
    fixture_open(&f, "{\"create_ms\":1,\"destroy_ms\":1}", NULL);
    create(&f, &owner, "p");
    create(&f, &other, "p");
    assert_int_equal(owner.sandbox->state, ENC_SANDBOX_INITIALIZING);
    assert_memory_equal(owner.sandbox->id, "enc-", 4);
    assert_true(strlen(owner.sandbox->id) >= 16);
    assert_string_not_equal(owner.sandbox->id, other.sandbox->id);
    UNTIL(f.loop, owner.ready && other.ready);
    assert_int_equal(owner.sandbox->state, ENC_SANDBOX_IDLE);
    enc_sandbox_destroy(other.sandbox, NULL);
    enc_sandbox_destroy(other.sandbox, NULL);
    assert_int_equal(other.sandbox->state, ENC_SANDBOX_STOPPING);
    UNTIL(f.loop, other.gone);
    assert_int_equal(other.gone, 1);
    remove_it(&f, &owner);
}

static void test_describe(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    open_ready(&f, &owner, NULL);
    json_t *json = enc_sandbox_describe(owner.sandbox);
    const char *id, *status, *type, *created, *updated, *pool, *image;
    json_t *config, *metadata;
    assert_int_equal(json_unpack(json,
                                 "{s:s, s:s, s:s, s:o, s:s, s:s, s:o}",
                                 "id",
                                 &id,
                                 "status",
                                 &status,
                                 "type",
                                 &type,
                                 "config",
                                 &config,
                                 "created_at",
                                 &created,
                                 "updated_at",
                                 &updated,
                                 "metadata",
                                 &metadata),
                     0);
    assert_int_equal(json_unpack(metadata, "{s:s, s:s}", "pool", &pool, "image", &image), 0);
    assert_string_equal(id, owner.sandbox->id);
    assert_string_equal(status, "idle");
    assert_string_equal(type, "fake");
    assert_string_equal(pool, "p");
    assert_int_equal(strlen(created), strlen("2026-01-01T00:00:00.000000Z"));
    json_decref(json);
    remove_it(&f, &owner);
}

static void test_creation_fails(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    fixture_open(&f, "{\"fail_creates\":1,\"fail_code\":\"docker\",\"fail_message\":\"no\"}", NULL);
    create(&f, &owner, NULL);
    UNTIL(f.loop, owner.broken);
    assert_int_equal(owner.ready, 0);
    assert_int_equal(owner.err.code, ENCLAVE_DOCKER);
    assert_string_equal(owner.err.message, "no");
    assert_int_equal(owner.sandbox->state, ENC_SANDBOX_ERROR);
    remove_it(&f, &owner);
}

static void test_destroyed_while_created(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    fixture_open(&f, "{\"never_ready\":true}", NULL);
    create(&f, &owner, NULL);
    enc_sandbox_destroy(owner.sandbox, NULL);
    UNTIL(f.loop, owner.gone);
    assert_int_equal(owner.ready + owner.broken, 0);
    fixture_close(&f);
}

static void test_broken_once_and_not_after_destroy(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    struct enclave_error lost = {.code = ENCLAVE_LOST};
    open_ready(&f, &owner, NULL);
    owner.destroy_when_broken = true;
    enc_sandbox_broken(owner.sandbox, &lost);
    enc_sandbox_broken(owner.sandbox, &lost);
    assert_int_equal(owner.broken, 1);
    remove_it(&f, &owner);

    open_ready(&f, &owner, NULL);
    enc_sandbox_destroy(owner.sandbox, NULL);
    enc_sandbox_broken(owner.sandbox, &lost);
    assert_int_equal(owner.broken, 0);
    remove_it(&f, &owner);
}

/* ---- files ------------------------------------------------------------------------ */

struct answer {
    unsigned calls;
    bool failed;
    struct enclave_error err;
    struct enc_buf got;
    struct enc_transfer *cancel_in_done;
};

static void on_transfer(void *data,
                        struct enc_transfer *transfer,
                        const struct enclave_error *err) {
    struct answer *answer = data;
    answer->calls++;
    answer->failed = err != NULL;
    if (err)
        answer->err = *err;
    else
        answer->got = enc_buf_steal(&transfer->got);
    enc_transfer_cancel(transfer); /* must be harmless here */
}

static struct enc_transfer *put(struct owner *owner,
                                struct answer *answer,
                                const char *path,
                                const char *text) {
    return enc_sandbox_put(owner->sandbox,
                           ENC_PUT_FILE,
                           path,
                           0,
                           text,
                           strlen(text),
                           ENC_NEVER,
                           on_transfer,
                           answer,
                           NULL);
}

static struct enc_transfer *get(struct owner *owner, struct answer *answer, size_t max) {
    return enc_sandbox_get(owner->sandbox, "a.txt", max, ENC_NEVER, on_transfer, answer, NULL);
}

static void test_files(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    struct answer wrote = {0}, read = {0}, too_long = {0}, missing = {0};
    struct enclave_error err;
    open_ready(&f, &owner, NULL);
    assert_false(owner.sandbox->dirty);
    assert_non_null(get(&owner, &missing, 100));
    UNTIL(f.loop, missing.calls);
    assert_int_equal(missing.err.code, ENCLAVE_NOT_FOUND);
    assert_false(owner.sandbox->dirty);
    assert_non_null(put(&owner, &wrote, "a.txt", "hello"));
    assert_true(owner.sandbox->dirty);
    assert_int_equal(wrote.calls, 0);
    UNTIL(f.loop, wrote.calls);
    assert_false(wrote.failed);
    assert_non_null(get(&owner, &read, 5));
    assert_non_null(get(&owner, &too_long, 4));
    UNTIL(f.loop, read.calls && too_long.calls);
    assert_string_equal(read.got.data, "hello");
    assert_int_equal(too_long.err.code, ENCLAVE_INVALID);
    enc_buf_free(&read.got);
    assert_null(enc_sandbox_get(owner.sandbox, "", 1, ENC_NEVER, on_transfer, &read, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    remove_it(&f, &owner);
}

static void test_transfers_end_with_the_sandbox(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    struct answer lost = {0}, cancelled = {0}, closed = {0};
    struct enclave_error err = {.code = ENCLAVE_LOST};
    open_ready(&f, &owner, NULL);
    enc_transfer_cancel(put(&owner, &cancelled, "b", "b"));
    put(&owner, &lost, "a", "a");
    enc_sandbox_broken(owner.sandbox, &err);
    assert_int_equal(lost.calls, 1);
    assert_int_equal(lost.err.code, ENCLAVE_LOST);
    assert_null(put(&owner, &closed, "c", "c"));
    remove_it(&f, &owner);
    assert_int_equal(cancelled.calls + closed.calls, 0);

    lost = (struct answer){0};
    open_ready(&f, &owner, NULL);
    put(&owner, &lost, "a", "a");
    enc_sandbox_destroy(owner.sandbox, NULL);
    assert_int_equal(lost.calls, 0);
    UNTIL(f.loop, lost.calls); /* it may have been quicker than the end */
    assert_int_equal(lost.err.code, lost.failed ? ENCLAVE_CLOSED : ENCLAVE_OK);
    remove_it(&f, &owner);
}

/* ---- reset ------------------------------------------------------------------------ */

struct cleaned {
    unsigned calls, files;
    enum enclave_code code;
};

static void on_reset(void *data,
                     const struct enc_reset_report *report,
                     const struct enclave_error *err) {
    struct cleaned *cleaned = data;
    cleaned->calls++;
    cleaned->code = err ? err->code : ENCLAVE_OK;
    cleaned->files = report ? report->files : 0;
}

static void test_reset(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    struct answer wrote = {0}, read = {0};
    struct cleaned cleaned = {0};
    struct enclave_error err;
    open_ready(&f, &owner, "{\"fail_resets\":1,\"reset_ms\":1}");
    put(&owner, &wrote, "a.txt", "hello");
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), -1);
    assert_int_equal(err.code, ENCLAVE_INVALID);
    UNTIL(f.loop, wrote.calls);
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), 0);
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), -1);
    assert_null(get(&owner, &read, 9));
    UNTIL(f.loop, cleaned.calls);
    assert_int_equal(cleaned.code, ENCLAVE_INTERNAL);
    assert_true(owner.sandbox->dirty);
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), 0);
    UNTIL(f.loop, cleaned.calls == 2);
    assert_int_equal(cleaned.code, ENCLAVE_OK);
    assert_int_equal(cleaned.files, 1);
    assert_false(owner.sandbox->dirty);
    get(&owner, &read, 9);
    UNTIL(f.loop, read.calls);
    assert_int_equal(read.err.code, ENCLAVE_NOT_FOUND);
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), 0);
    enc_sandbox_destroy(owner.sandbox, NULL);
    remove_it(&f, &owner);
    assert_int_equal(cleaned.calls, 3);
    assert_int_equal(cleaned.code, ENCLAVE_CLOSED);
}

static void test_reset_of_one_that_dies(void **state) {
    (void)state;
    struct fixture f;
    struct owner owner;
    struct cleaned cleaned = {0};
    struct enclave_error err = {.code = ENCLAVE_LOST};
    open_ready(&f, &owner, "{\"reset_ms\":1000000}");
    assert_int_equal(enc_sandbox_reset(owner.sandbox, on_reset, &cleaned, &err), 0);
    enc_sandbox_broken(owner.sandbox, &err);
    assert_int_equal(cleaned.calls, 1);
    assert_int_equal(cleaned.code, ENCLAVE_LOST);
    assert_int_equal(owner.broken, 1);
    remove_it(&f, &owner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_of_a_pooled_one),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_creation_fails),
        cmocka_unit_test(test_destroyed_while_created),
        cmocka_unit_test(test_broken_once_and_not_after_destroy),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_transfers_end_with_the_sandbox),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_of_one_that_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
