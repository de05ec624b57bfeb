#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE_LARGE = 64 };

/* Reading a stream. */
struct run {
    enum protocol protocol;
    struct parser parser;
    struct parse_space space;
    struct transcript transcript;
    size_t capacity;
};

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void *allocate(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    REQUIRE(memory != NULL);
    return memory;
}

static void append(struct run *run, struct bytes bytes)
{
    struct transcript *transcript = &run->transcript;
    if (run->capacity <= transcript->size + bytes.size) {
        run->capacity = 2 * (transcript->size + bytes.size) + 256;
        transcript->text = realloc(transcript->text, run->capacity);
        REQUIRE(transcript->text != NULL);
    }
    if (bytes.size > 0) {
        memcpy(transcript->text + transcript->size, bytes.data, bytes.size);
    }
    transcript->size += bytes.size;
    transcript->text[transcript->size] = '\0';
}

static void append_result(struct run *run, const struct parse_result *result)
{
    static const char *const names[] = {
        [PARSE_DONE] = "DONE",   [PARSE_EMPTY] = "EMPTY", [PARSE_INVALID] = "INVALID",
        [PARSE_FATAL] = "FATAL", [PARSE_HTTP] = "HTTP",
    };
    if (result->status == PARSE_PROTOCOL) {
        append(run, BYTES("PROTOCOL "));
        append(run, bytes_of_string(protocol_name(result->protocol)));
        append(run, BYTES("\n"));
        return;
    }
    char line[PROTO_ERROR_MAX + 64];
    bool is_error = result->status == PARSE_INVALID || result->status == PARSE_FATAL;
    (void)snprintf(line, sizeof(line), "%s %zu%s%s", names[result->status], result->size,
                   is_error ? " " : "", is_error ? result->error : "");
    append(run, bytes_of_string(line));
    for (uint32_t i = 0; result->status == PARSE_DONE && i < result->argc; i++) {
        append(run, BYTES(" ["));
        append(run, run->space.args[i]);
        append(run, BYTES("]"));
    }
    if (result->status == PARSE_HTTP) {
        (void)snprintf(line, sizeof(line), " %d%s [", (int)result->http.status,
                       result->http.is_head ? " HEAD" : "");
        append(run, bytes_of_string(line));
        append(run, result->http.path);
        append(run, BYTES("]"));
    }
    append(run, BYTES("\n"));
}

static struct parse_space space_make(uint32_t args_max, size_t text_max)
{
    return (struct parse_space){
        .args = allocate(args_max * sizeof(struct bytes)),
        .args_max = args_max,
        .text = allocate(text_max),
        .text_max = text_max,
    };
}

static void space_free(const struct parse_space *space)
{
    free(space->args);
    free(space->text);
}

static bool is_begun(const struct parser *parser)
{
    return parser->scanned == 0 && parser->needed == 0 && parser->args_left == 0 &&
           parser->args_seen == 0 && !parser->inside;
}

// The same bytes, parsed from the beginning, are the same request again.
static void require_again(const struct run *run, struct bytes input,
                          const struct parse_result *first)
{
    struct parse_space space = space_make(run->space.args_max, run->space.text_max);
    struct parser parser = {0};
    struct parse_result again;
    request_parse(run->protocol, &parser, input, &space, &again);
    REQUIRE(again.status == PARSE_DONE && again.size == first->size && again.argc == first->argc);
    REQUIRE(again.text_size == first->text_size);
    for (uint32_t i = 0; i < again.argc; i++) {
        REQUIRE(bytes_equal(space.args[i], run->space.args[i]));
    }
    space_free(&space);
}

// One call; returns the bytes used, or 0 when it wants more of something.
static size_t parse_one(struct run *run, struct bytes input, enum parse_status *status_out)
{
    struct parse_result result;
    memset(&result, 0xAA, sizeof(result));
    request_parse(run->protocol, &run->parser, input, &run->space, &result);
    *status_out = result.status;
    if (result.status == PARSE_MORE) {
        REQUIRE(result.size == 0 && run->parser.needed > input.size);
        return 0;
    }
    if (result.status == PARSE_SPACE) {
        REQUIRE(result.argc > run->space.args_max || result.text_size > run->space.text_max);
        REQUIRE(result.argc <= input.size + 1 && result.text_size <= input.size);
        space_free(&run->space);
        run->space = space_make(result.argc, result.text_size);
        return 0;
    }
    if (result.status == PARSE_PROTOCOL) {
        REQUIRE(result.size == 0 && is_begun(&run->parser) && run->protocol == PROTOCOL_UNKNOWN);
        append_result(run, &result);
        run->protocol = result.protocol;
        return 0;
    }
    REQUIRE(result.size > 0 && result.size <= input.size && is_begun(&run->parser));
    if (result.status == PARSE_DONE) {
        REQUIRE(result.argc > 0 && result.argc <= run->space.args_max);
        REQUIRE(result.text_size <= run->space.text_max);
        require_again(run, input, &result);
    }
    append_result(run, &result);
    return result.size;
}

static bool is_last(enum parse_status status)
{
    return status == PARSE_FATAL || status == PARSE_HTTP;
}

// What a connection does: parse all that is whole in data[0..size); returns the bytes used.
static size_t drain(struct run *run, const char *data, size_t size, enum parse_status *status_out)
{
    size_t used = 0;
    *status_out = PARSE_MORE;
    while (used < size) {
        char *lent = allocate(size - used);
        memcpy(lent, data + used, size - used);
        size_t step = parse_one(run, bytes_make(lent, size - used), status_out);
        REQUIRE(memcmp(data + used, lent, size - used) == 0);
        free(lent);
        used += step;
        if (*status_out == PARSE_MORE || is_last(*status_out)) {
            break;
        }
    }
    return used;
}

struct transcript transcript_of(enum protocol protocol, struct bytes stream,
                                struct transcript_pieces pieces)
{
    struct run run = {.protocol = protocol};
    append(&run, BYTES(""));
    run.space = space_make(pieces.args_max, pieces.text_max);
    char *data = allocate(stream.size);
    size_t begin = 0; // data[begin..end) has come and is not used yet.
    size_t end = 0;
    size_t piece = pieces.first;
    enum parse_status status = PARSE_MORE;
    while (end < stream.size && !is_last(status)) {
        size_t step = stream.size - end < piece ? stream.size - end : piece;
        memcpy(data + end, stream.data + end, step);
        end += step;
        begin += drain(&run, data + begin, end - begin, &status);
        piece = pieces.next;
    }
    free(data);
    space_free(&run.space);
    return run.transcript;
}

void transcript_expect(const struct transcript *transcript, struct bytes expected)
{
    if (!bytes_equal(bytes_make(transcript->text, transcript->size), expected)) {
        (void)fprintf(stderr, "transcript\n%s\nis not\n%.*s\n", transcript->text,
                      (int)expected.size, expected.data);
        abort();
    }
}

void assert_transcript(enum protocol protocol, struct bytes stream, const char *expected)
{
    static const struct {
        uint32_t args_max;
        size_t text_max;
    } spaces[] = {{SPACE_LARGE, SPACE_LARGE}, {SPACE_LARGE, 0}, {0, 0}};
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        // Cut before byte `cut`; the last round is in single bytes.
        for (size_t cut = 0; cut <= stream.size; cut++) {
            struct transcript_pieces pieces = {
                .first = cut,
                .next = SIZE_MAX,
                .args_max = spaces[i].args_max,
                .text_max = spaces[i].text_max,
            };
            if (cut == stream.size) {
                pieces.first = pieces.next = 1;
            }
            struct transcript got = transcript_of(protocol, stream, pieces);
            transcript_expect(&got, bytes_of_string(expected));
            free(got.text);
        }
    }
}
