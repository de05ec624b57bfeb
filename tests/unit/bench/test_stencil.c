#include "load/stencil.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { VALUE_SIZE = 5 };

static const char payload[] = "abcdefghij";

/* Compile, write one request with the key numbers 7, 8 ..., compare. */
static void check(enum load_protocol protocol, const char *command, struct bytes expected)
{
    struct stencil_shape shape = {.protocol = protocol, .key_digits = 4, .value_size = VALUE_SIZE};
    struct draw draw = {.sequential = true, .next_key = 7, .payload = payload, .payload_starts = 1};
    struct stencil stencil;
    struct problem problem;
    char out[256];
    ck_assert_int_eq(stencil_compile(&stencil, command, &shape, &problem), 0);
    ck_assert_uint_le(stencil.size, sizeof(out));
    stencil_write(&stencil, &draw, out);
    ck_assert_msg(bytes_equal(bytes_make(out, stencil.size), expected), "%.*s", (int)stencil.size,
                  out);
    stencil_deinit(&stencil);
}

static void check_refused(const char *command, const char *reason)
{
    struct stencil_shape shape = {.protocol = LOAD_RESP, .key_digits = 4, .value_size = 4};
    struct stencil stencil;
    struct problem problem;
    ck_assert_int_eq(stencil_compile(&stencil, command, &shape, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, reason));
}

TEST(resp_requests_are_arrays_of_bulks)
{
    check(LOAD_RESP, "GET k__key__", BYTES("*2\r\n$3\r\nGET\r\n$5\r\nk0007\r\n"));
    check(LOAD_RESP, "  MGET __key__  __key__ ",
          BYTES("*3\r\n$4\r\nMGET\r\n$4\r\n0007\r\n$4\r\n0008\r\n"));
    check(LOAD_RESP, "SET k:__key__:x __value__",
          BYTES("*3\r\n$3\r\nSET\r\n$8\r\nk:0007:x\r\n$5\r\nabcde\r\n"));
    check(LOAD_RESP, "PING", BYTES("*1\r\n$4\r\nPING\r\n"));
}

TEST(quotes_keep_blanks_together)
{
    check(LOAD_RESP, "ECHO \"a __key__ b\"", BYTES("*2\r\n$4\r\nECHO\r\n$8\r\na 0007 b\r\n"));
    check(LOAD_RESP, "ECHO 'say \"x\"'", BYTES("*2\r\n$4\r\nECHO\r\n$7\r\nsay \"x\"\r\n"));
    check(LOAD_TEXT, "ECHO 'a __key__ b'", BYTES("ECHO \"a 0007 b\"\n"));
}

TEST(text_requests_are_lines)
{
    check(LOAD_TEXT, "GET k__key__", BYTES("GET k0007\n"));
    check(LOAD_TEXT, "ZADD board 1 m__key__", BYTES("ZADD board 1 m0007\n"));
}

TEST(a_text_set_sends_its_value_behind_the_line)
{
    check(LOAD_TEXT, "SET k__key__ __value__", BYTES("SET k0007 0 5\nabcde\n"));
    check(LOAD_TEXT, "set __key__ <__value__-__key__> NX",
          BYTES("set 0007 0 12 NX\n<abcde-0008>\n"));
}

TEST(integers_stay_within_their_bounds_and_same_follows)
{
    struct stencil_shape shape = {.protocol = LOAD_TEXT, .key_digits = 4, .value_size = 4};
    struct draw draw = {.random = {.state = 5}, .payload = payload, .payload_starts = 1};
    struct stencil stencil;
    struct problem problem;
    char out[64] = {0};
    bool low_seen = false;
    bool high_seen = false;
    ck_assert_int_eq(
        stencil_compile(&stencil, "Z __rand:10:13__ __same+40__ __score__", &shape, &problem), 0);
    for (int i = 0; i < 200; i++) {
        char *at = out + 1;
        stencil_write(&stencil, &draw, out);
        long first = strtol(at, &at, 10);
        long second = strtol(at, &at, 10);
        double score = strtod(at, &at);
        ck_assert_int_eq(*at, '\n');
        ck_assert_int_ge(first, 10);
        ck_assert_int_le(first, 13);
        ck_assert_int_eq(second, first + 40);
        ck_assert_double_ge(score, 100000);
        ck_assert_double_lt(score, 1000000);
        low_seen = low_seen || first == 10;
        high_seen = high_seen || first == 13;
    }
    ck_assert(low_seen && high_seen);
    stencil_deinit(&stencil);
}

TEST(wrong_templates_are_refused_with_a_reason)
{
    check_refused("", "empty");
    check_refused("   ", "empty");
    check_refused("GET __nothing__", "unknown placeholder __nothing__");
    check_refused("GET __rand:9:x__", "unknown placeholder");
    check_refused("GET __rand:9:10__", "equally many digits");
    check_refused("GET __rand:20:10__", "equally many digits");
    check_refused("GET __same+1__", "must follow");
    check_refused("GET __rand:10:90__ __same+10__", "grow by a digit");
    check_refused("GET 'x", "not closed");
}

TEST(too_many_placeholders_are_refused)
{
    char command[(STENCIL_HOLES_MAX + 1) * 8 + 8] = "DEL";
    for (size_t i = 0; i <= STENCIL_HOLES_MAX; i++) {
        (void)snprintf(command + 3 + i * 8, 9, " __key__");
    }
    check_refused(command, "placeholders");
}

TEST(a_padded_frame_has_the_size_asked_for)
{
    struct stencil_shape shape = {.protocol = LOAD_RESP, .key_digits = 4, .value_size = 4};
    struct draw draw = {.sequential = true, .payload = payload, .payload_starts = 1};
    struct stencil stencil;
    struct problem problem;
    char out[64];
    ck_assert_int_eq(stencil_compile(&stencil, "GET __key__", &shape, &problem), 0);
    ck_assert_int_eq(stencil_pad(&stencil, 50, &problem), 0);
    ck_assert_uint_eq(stencil.size, 50);
    stencil_write(&stencil, &draw, out);
    ck_assert_mem_eq(out, "*2\r\n$3\r\nGET\r\n$4\r\n0000\r\nxx", 25);
    stencil_deinit(&stencil);
}
