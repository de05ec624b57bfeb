#include "load/workload.h"

#include "unit.h"

#include <math.h>
#include <stdio.h>

enum { GET_SIZE = 36, SET_SIZE = 107 };

static const struct workload_spec usual = {
    .keys = 1000, .key_size = 16, .value_size = 64, .read_share = 0.9, .seed = 9};

// In place: a workload points into itself.
static void open_workload(struct workload *workload, struct workload_spec spec,
                          enum workload_kind kind)
{
    struct problem problem;
    ck_assert_int_eq(workload_open(workload, &spec, kind, &problem), 0);
}

TEST(gets_and_sets_come_in_their_share)
{
    enum { REQUESTS = 100000 };
    struct workload workload;
    open_workload(&workload, usual, WORKLOAD_MEASURED);
    char out[SET_SIZE];
    int gets = 0;
    ck_assert_uint_eq(workload.request_size_max, SET_SIZE);
    for (int i = 0; i < REQUESTS; i++) {
        size_t size = workload_write(&workload, out);
        bool get = memcmp(out, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000", 31) == 0;
        ck_assert_uint_eq(size, get ? GET_SIZE : SET_SIZE);
        gets += get;
    }
    ck_assert_double_le(fabs(gets - 0.9 * REQUESTS), 6 * sqrt(0.09 * REQUESTS));
    workload_close(&workload);
}

TEST(a_share_of_one_sends_only_gets_and_zero_only_sets)
{
    for (int share = 0; share <= 1; share++) {
        struct workload_spec spec = usual;
        spec.read_share = share;
        struct workload workload;
        open_workload(&workload, spec, WORKLOAD_MEASURED);
        char out[SET_SIZE];
        ck_assert_uint_eq(workload.request_size_max, share == 1 ? GET_SIZE : SET_SIZE);
        for (int i = 0; i < 1000; i++) {
            ck_assert_uint_eq(workload_write(&workload, out), share == 1 ? GET_SIZE : SET_SIZE);
        }
        workload_close(&workload);
    }
}

TEST(a_floor_gets_requests_of_the_mean_size)
{
    struct workload workload;
    open_workload(&workload, usual, WORKLOAD_FLOOR);
    char out[SET_SIZE];
    ck_assert_uint_eq(workload.request_size_max, 43); // 0.9 x 36 + 0.1 x 107 = 43.1
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(workload_write(&workload, out), 43);
    }
    workload_close(&workload);
    struct workload_spec spec = usual;
    spec.read_share = 0;
    open_workload(&workload, spec, WORKLOAD_FLOOR);
    ck_assert_uint_eq(workload_write(&workload, out), SET_SIZE);
    workload_close(&workload);
}

TEST(populating_writes_every_key_once)
{
    struct workload_spec spec = usual;
    struct workload workload;
    open_workload(&workload, spec, WORKLOAD_POPULATE);
    char out[SET_SIZE];
    char expected[32];
    for (int key = 0; key < 1000; key++) {
        ck_assert(!workload_is_done(&workload));
        workload_write(&workload, out);
        (void)snprintf(expected, sizeof(expected), "key:%012d", key);
        ck_assert_mem_eq(out + 18, expected, 16);
    }
    ck_assert(workload_is_done(&workload));
    workload_close(&workload);
}

TEST(the_same_seed_gives_the_same_requests)
{
    struct workload one;
    open_workload(&one, usual, WORKLOAD_MEASURED);
    struct workload two;
    open_workload(&two, usual, WORKLOAD_MEASURED);
    char left[SET_SIZE];
    char right[SET_SIZE];
    for (int i = 0; i < 1000; i++) {
        size_t size = workload_write(&one, left);
        ck_assert_uint_eq(workload_write(&two, right), size);
        ck_assert_mem_eq(left, right, size);
    }
    workload_close(&one);
    workload_close(&two);
}

TEST(keys_too_small_for_their_number_are_refused)
{
    struct workload_spec spec = usual;
    struct workload workload;
    struct problem problem;
    spec.key_size = 6;
    ck_assert_int_eq(workload_open(&workload, &spec, WORKLOAD_MEASURED, &problem), -1);
    ck_assert_str_eq(problem.text, "--key-size must be at least 7 for 1000 keys");
}
