/* bench_proto.c - nanoseconds for a parsed request, a reply, a number.
 *
 * Everything stays in the cache: this is the codecs' own cost. Each figure is the
 * best of several rounds over a batch of different inputs.
 */
#include "base/number.h"
#include "base/random.h"
#include "proto/reply.h"
#include "proto/request.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 256,
    REPEATS = 20, // Of the batch in a round.
    ROUNDS = 400,
    STREAM_SIZE_MAX = 64 * 1024,
};

struct bench {
    char stream[STREAM_SIZE_MAX];
    size_t stream_size;
    enum protocol protocol;
    char out[STREAM_SIZE_MAX];
    double doubles[BATCH];
    int64_t integers[BATCH];
    struct bytes texts[BATCH];
    char text_memory[BATCH][NUMBER_DOUBLE_SIZE_MAX];
    char value[64];
    uint64_t used; // Keeps results alive.
};

typedef void (*work_fn)(struct bench *bench);

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(struct bench *bench, const char *name, work_fn work)
{
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        for (int i = 0; i < REPEATS; i++) {
            work(bench);
        }
        double each = (now_ns() - begin) / REPEATS / BATCH;
        best = each < best ? each : best;
    }
    printf("%-44s %7.1f ns\n", name, best);
}

/* ---- requests ---- */

static void parse_stream(struct bench *bench)
{
    struct bytes args[16] = {0};
    struct parse_space space = {.args = args, .args_max = 16};
    struct parser parser = {0};
    struct parse_result result;
    size_t at = 0;
    while (at < bench->stream_size) {
        request_parse(bench->protocol, &parser,
                      bytes_make(bench->stream + at, bench->stream_size - at), &space, &result);
        if (result.status != PARSE_DONE) {
            fprintf(stderr, "bench_proto: status %d at %zu\n", (int)result.status, at);
            abort();
        }
        at += result.size;
        bench->used += (uint64_t)args[result.argc - 1].data[0] + result.argc;
    }
}

#define VALUE_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void measure_requests(struct bench *bench)
{
    static const struct {
        const char *name;
        enum protocol protocol;
        const char *before; // The key's 16 digits,
        const char *after;  // and what follows them.
    } kinds[] = {
        {"parse RESP2 GET", PROTOCOL_RESP2, "*2\r\n$3\r\nGET\r\n$16\r\n", "\r\n"},
        {"parse RESP2 SET, 64 B value", PROTOCOL_RESP2, "*3\r\n$3\r\nSET\r\n$16\r\n",
         "\r\n$64\r\n" VALUE_64 "\r\n"},
        {"parse RESP2 SET ... EX 100", PROTOCOL_RESP2, "*5\r\n$3\r\nSET\r\n$16\r\n",
         "\r\n$64\r\n" VALUE_64 "\r\n$2\r\nEX\r\n$3\r\n100\r\n"},
        {"parse RESP2 inline GET", PROTOCOL_RESP2, "GET ", "\r\n"},
        {"parse text GET", PROTOCOL_TEXT, "GET ", "\n"},
        {"parse text SET, 64 B value", PROTOCOL_TEXT, "SET ", " 0 64\n" VALUE_64 "\n"},
        {"parse text SET, 64 B value, 100 s", PROTOCOL_TEXT, "SET ", " 100 64\n" VALUE_64 "\n"},
    };
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        bench->protocol = kinds[k].protocol;
        bench->stream_size = 0;
        for (unsigned i = 0; i < BATCH; i++) {
            int size =
                snprintf(bench->stream + bench->stream_size, STREAM_SIZE_MAX - bench->stream_size,
                         "%s%016u%s", kinds[k].before, i * 2654435761U, kinds[k].after);
            bench->stream_size += (size_t)size;
        }
        measure(bench, kinds[k].name, parse_stream);
    }
}

/* ---- replies ---- */

static int no_more(struct sink *sink, size_t size)
{
    (void)sink;
    (void)size;
    return -1;
}

static const struct sink_ops fixed = {.more = no_more};

static void begin_replies(struct bench *bench, struct sink *sink, struct reply *reply)
{
    *sink = (struct sink){.at = bench->out, .end = bench->out + sizeof(bench->out), .ops = &fixed};
    reply_init(reply, sink, bench->protocol);
}

#define REPLIES(name, statement)                                                                   \
    static void name(struct bench *bench)                                                          \
    {                                                                                              \
        struct sink sink;                                                                          \
        struct reply reply;                                                                        \
        begin_replies(bench, &sink, &reply);                                                       \
        for (size_t i = 0; i < BATCH; i++) {                                                       \
            statement;                                                                             \
        }                                                                                          \
        bench->used += (uint64_t)(sink.at - bench->out);                                           \
    }

REPLIES(reply_oks, reply_ok(&reply))
REPLIES(reply_values, reply_value(&reply, bytes_make(bench->value, 64)))
REPLIES(reply_integers, reply_integer(&reply, (int64_t)i & 7))
REPLIES(reply_large_integers, reply_integer(&reply, bench->integers[i]))
REPLIES(reply_doubles, reply_double(&reply, bench->doubles[i]))
REPLIES(reply_members, reply_member(&reply, bytes_make(bench->value, 19), bench->doubles[i]))

static void measure_replies(struct bench *bench, const char *protocol)
{
    static const struct {
        const char *name;
        work_fn work;
    } kinds[] = {
        {"ok", reply_oks},
        {"value of 64 B", reply_values},
        {"integer of 1 digit", reply_integers},
        {"integer of 1 to 19 digits", reply_large_integers},
        {"double (integral)", reply_doubles},
        {"member of 19 B and score (integral)", reply_members},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "reply %s %s", protocol, kinds[i].name);
        measure(bench, name, kinds[i].work);
    }
}

/* ---- numbers ---- */

static void format_integers(struct bench *bench)
{
    for (size_t i = 0; i < BATCH; i++) {
        bench->used += number_format_integer(bench->integers[i], bench->out);
    }
}

static void format_doubles(struct bench *bench)
{
    for (size_t i = 0; i < BATCH; i++) {
        bench->used += number_format_double(bench->doubles[i], bench->out);
    }
}

static void parse_doubles(struct bench *bench)
{
    for (size_t i = 0; i < BATCH; i++) {
        double value = 0;
        bench->used += number_parse_double(bench->texts[i], &value) && value > 0;
    }
}

static void strtod_doubles(struct bench *bench)
{
    for (size_t i = 0; i < BATCH; i++) {
        bench->used += strtod(bench->text_memory[i], NULL) > 0;
    }
}

static void printf_doubles(struct bench *bench)
{
    for (size_t i = 0; i < BATCH; i++) {
        bench->used += (uint64_t)snprintf(bench->out, 64, "%.17g", bench->doubles[i]);
    }
}

static void measure_number_kind(struct bench *bench, const char *kind)
{
    for (size_t i = 0; i < BATCH; i++) {
        size_t size = number_format_double(bench->doubles[i], bench->text_memory[i]);
        bench->text_memory[i][size] = '\0';
        bench->texts[i] = bytes_make(bench->text_memory[i], size);
    }
    static const struct {
        const char *name;
        work_fn work;
    } kinds[] = {
        {"format", format_doubles},
        {"printf %.17g", printf_doubles},
        {"parse", parse_doubles},
        {"strtod", strtod_doubles},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s %s", kinds[i].name, kind);
        measure(bench, name, kinds[i].work);
    }
}

static void measure_numbers(struct bench *bench)
{
    struct random random = {.state = 1};
    for (size_t i = 0; i < BATCH; i++) {
        bench->integers[i] = (int64_t)(random_next(&random) >> (1 + random_next(&random) % 60));
    }
    measure(bench, "format integers of 1 to 19 digits", format_integers);
    for (size_t i = 0; i < BATCH; i++) {
        bench->doubles[i] = (double)(random_next(&random) >> 11) * 0x1p-53;
    }
    measure_number_kind(bench, "doubles in [0, 1)");
    for (size_t i = 0; i < BATCH; i++) {
        bench->doubles[i] = (double)(random_next(&random) % 1000000) / 100;
    }
    measure_number_kind(bench, "short decimals (0.00 to 9999.99)");
    for (size_t i = 0; i < BATCH; i++) {
        uint64_t bits = (random_next(&random) >> 1) % (UINT64_C(0x7FF) << 52);
        memcpy(&bench->doubles[i], &bits, sizeof(bits));
    }
    measure_number_kind(bench, "random bit patterns");
    for (size_t i = 0; i < BATCH; i++) {
        bench->doubles[i] = (double)(random_next(&random) % 1000000);
    }
    measure_number_kind(bench, "integral doubles of up to 6 digits");
}

int main(void)
{
    static struct bench bench;
    memset(bench.value, 'v', sizeof(bench.value));
    measure_numbers(&bench);
    measure_requests(&bench);
    bench.protocol = PROTOCOL_RESP2;
    measure_replies(&bench, "RESP2");
    bench.protocol = PROTOCOL_TEXT;
    measure_replies(&bench, "text");
    return bench.used == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
