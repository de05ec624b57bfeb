#include "transcript.h"

#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_LARGE = 4096 };

struct feed {
    enum protocol protocol;
    struct parser parser;
    struct bytes *args;
    uint32_t args_max;
    struct transcript transcript;
};

static void append(struct transcript *transcript, struct bytes bytes)
{
    transcript->text = realloc(transcript->text, transcript->size + bytes.size + 1);
    ck_assert_ptr_nonnull(transcript->text);
    if (bytes.size > 0) {
        memcpy(transcript->text + transcript->size, bytes.data, bytes.size);
    }
    transcript->size += bytes.size;
    transcript->text[transcript->size] = '\0';
}

static void append_result(struct feed *feed, const struct parse_result *result)
{
    static const char *const names[] = {
        [PARSE_DONE] = "DONE", [PARSE_EMPTY] = "EMPTY",     [PARSE_MORE] = "MORE",
        [PARSE_ARGS] = "ARGS", [PARSE_INVALID] = "INVALID", [PARSE_FATAL] = "FATAL",
    };
    char line[PROTO_ERROR_MAX + 64];
    bool is_error = result->status == PARSE_INVALID || result->status == PARSE_FATAL;
    snprintf(line, sizeof(line), "%s %zu%s%s", names[result->status], result->size,
             is_error ? " " : "", is_error ? result->error : "");
    append(&feed->transcript, bytes_of_string(line));
    for (uint32_t i = 0; result->status == PARSE_DONE && i < result->argc; i++) {
        append(&feed->transcript, BYTES(" ["));
        append(&feed->transcript, feed->args[i]);
        append(&feed->transcript, BYTES("]"));
    }
    append(&feed->transcript, BYTES("\n"));
}

static void set_args_max(struct feed *feed, uint32_t args_max)
{
    free(feed->args);
    feed->args = malloc(args_max * sizeof(*feed->args));
    ck_assert_ptr_nonnull(feed->args);
    feed->args_max = args_max;
}

// One call over `input`, which is only lent: what is left of it moves afterwards.
static enum parse_status parse_one(struct feed *feed, struct bytes input, size_t *size_out)
{
    struct parse_result result;
    memset(&result, 0xAA, sizeof(result));
    request_parse(feed->protocol, &feed->parser, input, feed->args, feed->args_max, &result);
    *size_out = 0;
    switch (result.status) {
    case PARSE_MORE:
        ck_assert_uint_eq(result.size, 0);
        break;
    case PARSE_ARGS:
        ck_assert_uint_gt(result.argc, feed->args_max);
        set_args_max(feed, result.argc);
        break;
    case PARSE_DONE:
        ck_assert_uint_ge(result.argc, 1);
        ck_assert_uint_le(result.argc, feed->args_max);
        /* fall through */
    case PARSE_EMPTY:
    case PARSE_INVALID:
    case PARSE_FATAL:
    default: {
        static const struct parser begun;
        ck_assert_uint_gt(result.size, 0);
        ck_assert_uint_le(result.size, input.size);
        ck_assert_mem_eq(&feed->parser, &begun, sizeof(begun));
        append_result(feed, &result);
        *size_out = result.size;
    }
    }
    return result.status;
}

// What a connection does: parse while there is something whole, keep the rest.
static enum parse_status drain(struct feed *feed, char *data, size_t size, size_t *used_out)
{
    size_t used = 0;
    enum parse_status status = PARSE_MORE;
    while (used < size) {
        char *lent = malloc(size - used);
        ck_assert_ptr_nonnull(lent);
        memcpy(lent, data + used, size - used);
        size_t step;
        status = parse_one(feed, bytes_make(lent, size - used), &step);
        memcpy(data + used, lent, size - used); // Decoding may have written to it.
        free(lent);
        used += step;
        if (status == PARSE_MORE || status == PARSE_FATAL) {
            break;
        }
    }
    *used_out = used;
    return status;
}

struct transcript transcript_of(enum protocol protocol, struct bytes stream, const size_t *cuts,
                                size_t cut_count, uint32_t args_max)
{
    struct feed feed = {.protocol = protocol};
    append(&feed.transcript, BYTES(""));
    set_args_max(&feed, args_max == 0 ? ARGS_LARGE : args_max);
    char *data = malloc(stream.size + 1);
    ck_assert_ptr_nonnull(data);
    size_t begin = 0; // data[begin..end) has come and is not used yet.
    size_t end = 0;
    for (size_t i = 0; i <= cut_count; i++) {
        size_t next = i < cut_count ? cuts[i] : stream.size;
        memcpy(data + end, stream.data + end, next - end);
        end = next;
        size_t used;
        enum parse_status status = drain(&feed, data + begin, end - begin, &used);
        begin += used;
        if (status == PARSE_FATAL) {
            break;
        }
    }
    feed.transcript.used = begin;
    free(data);
    free(feed.args);
    return feed.transcript;
}

void transcript_free(struct transcript *transcript)
{
    free(transcript->text);
    *transcript = (struct transcript){0};
}

static void assert_one(const struct transcript *transcript, const char *expected, size_t size,
                       const char *how, size_t cut)
{
    if (transcript->size != size || memcmp(transcript->text, expected, size) != 0) {
        ck_abort_msg("%s %zu:\n%s\nnot\n%s", how, cut, transcript->text, expected);
    }
}

void assert_transcript(enum protocol protocol, struct bytes stream, const char *expected)
{
    size_t *all = malloc((stream.size + 1) * sizeof(*all));
    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < stream.size; i++) {
        all[i] = i;
    }
    for (uint32_t args_max = 0; args_max <= 1; args_max++) {
        struct transcript got = transcript_of(protocol, stream, NULL, 0, args_max);
        size_t size = expected == NULL ? got.size : strlen(expected);
        char *text = malloc(size + 1);
        ck_assert_ptr_nonnull(text);
        memcpy(text, expected == NULL ? got.text : expected, size + 1);
        assert_one(&got, text, size, "whole", 0);
        transcript_free(&got);
        for (size_t i = 0; i < stream.size; i++) {
            got = transcript_of(protocol, stream, &all[i], 1, args_max);
            assert_one(&got, text, size, "cut at", i);
            transcript_free(&got);
        }
        got = transcript_of(protocol, stream, all, stream.size, args_max);
        assert_one(&got, text, size, "byte by byte", 0);
        transcript_free(&got);
        free(text);
    }
    free(all);
}
