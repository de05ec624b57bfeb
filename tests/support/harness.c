#include "harness.h"

#include "base/number.h"
#include "command/background_call.h"
#include "programs/command_table.h"
#include "store/prefetch.h"
#include "store/walk.h"
#include "value/zset/zset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATABASES = 4, SHARD_BITS = 3, KEYS_MAX = 2 }; // Calls with more keys allocate.

// ---- a sink into memory ----

struct string_sink {
    struct sink sink;
    char *text;
    size_t capacity;
    char *escaped;
    struct store_thread *thread; // Drops what was lent.
};

static int string_more(struct sink *sink, size_t size)
{
    struct string_sink *string = (struct string_sink *)(void *)sink;
    size_t used = (size_t)(sink->at - string->text);
    string->capacity = (used + size) * 2;
    string->text = realloc(string->text, string->capacity);
    ASSERT(string->text != NULL);
    sink->at = string->text + used;
    sink->end = string->text + string->capacity;
    return 0;
}

// The bytes are copied and let go at once: to the handlers it is the same.
static int string_lend(struct sink *sink, struct bytes bytes, void *owner)
{
    struct string_sink *string = (struct string_sink *)(void *)sink;
    sink_write(sink, bytes);
    keyspace_drop(string->thread, owner);
    return 0;
}

static size_t string_place(const struct sink *sink)
{
    return (size_t)(sink->at - ((const struct string_sink *)(const void *)sink)->text);
}

static int string_insert(struct sink *sink, size_t place, struct bytes bytes)
{
    (void)sink_reserve(sink, bytes.size);
    char *at = ((struct string_sink *)(void *)sink)->text + place;
    memmove(at + bytes.size, at, (size_t)(sink->at - at));
    memcpy(at, bytes.data, bytes.size);
    sink_commit(sink, bytes.size);
    return 0;
}

static const struct sink_ops copying_ops = {
    .more = string_more, .place = string_place, .insert = string_insert};
static const struct sink_ops lending_ops = {
    .more = string_more, .lend = string_lend, .place = string_place, .insert = string_insert};

// ---- life ----

static void note_wake(struct waiter *waiter)
{
    struct harness *harness =
        (struct harness *)(void *)((char *)waiter - offsetof(struct harness, waiter));
    harness->woken = true;
}

static void no_wake(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

struct harness *harness_create(void)
{
    const struct keyspace_options options = {
        .shard_bits = SHARD_BITS,
        .databases = DATABASES,
        .threads = HARNESS_THREADS_MAX,
        .tenders = 1,
        .secret = {.sip = {1, 2}},
        .wake = no_wake,
    };
    struct harness *harness = calloc(1, sizeof(*harness));
    ASSERT(harness != NULL);
    harness->sink = calloc(1, sizeof(*harness->sink));
    harness->keyspace = keyspace_create(&options);
    ASSERT(harness->sink != NULL && harness->keyspace != NULL);
    harness->thread = keyspace_thread_create(harness->keyspace);
    harness->background_thread = keyspace_thread_create(harness->keyspace);
    ASSERT(harness->thread != NULL && harness->background_thread != NULL);
    pool_offline(harness->background_thread->pool);
    harness->waiter.wake = note_wake;
    harness->session.protocol = PROTOCOL_RESP2;
    harness->sink->thread = harness->thread;
    harness->context = (struct call_context){
        .commands = &command_table,
        .keyspace = harness->keyspace,
        .thread = harness->thread,
        .now_ms = HARNESS_NOW_MS,
    };
    return harness;
}

void harness_destroy(struct harness *harness)
{
    pool_offline(harness->thread->pool); // What is freed waits for nobody.
    keyspace_thread_destroy(harness->keyspace, harness->background_thread);
    keyspace_thread_destroy(harness->keyspace, harness->thread);
    keyspace_destroy(harness->keyspace);
    free(harness->sink->text);
    free(harness->sink->escaped);
    free(harness->sink);
    free(harness);
}

// ---- running commands ----

static void run_job(struct harness *harness, struct call *call, struct reply *reply)
{
    struct store_thread *thread = harness->background_thread;
    struct deferred background = {.reply = reply};
    if (harness->before_job != NULL) {
        harness->before_job(harness);
    }
    pool_quiesce(harness->thread->pool);
    pool_online(thread->pool);
    access_open(&background.access, harness->keyspace, thread, call->access.db,
                harness->context.now_ms);
    pool_offline(harness->thread->pool);
    call->job(&background, call->job_state);
    pool_online(harness->thread->pool);
    pool_free(thread->pool, MEMORY_JOB, call_job_block(call), call_job_block_size(call));
    pool_offline(thread->pool);
}

// The whole call, by a background thread.
static void run_moved(struct harness *harness, const struct call *moved, struct reply *reply)
{
    struct store_thread *thread = harness->background_thread;
    struct call_context context = harness->context;
    struct call call;
    context.thread = thread;
    context.space = (struct key_space){0};
    pool_quiesce(harness->thread->pool);
    pool_online(thread->pool);
    call_prepare(&call, &context, &harness->session, moved->argv, moved->argc);
    background_call_begin(&call);
    pool_offline(harness->thread->pool);
    background_call_run(&call, reply);
    pool_online(harness->thread->pool);
    call_release(&call, &context);
    pool_offline(thread->pool);
}

enum call_outcome harness_try(struct harness *harness, const struct bytes *argv, uint32_t argc,
                              struct bytes *reply_out)
{
    struct string_sink *string = harness->sink;
    struct reply reply;
    struct call call;
    string->sink.ops = harness->lends ? &lending_ops : &copying_ops;
    string->sink.at = string->text;
    reply_init(&reply, &string->sink, harness->session.protocol);
    memset(&call, 0xA5, sizeof(call)); // call_prepare sets what matters.
    struct key keys[KEYS_MAX];
    uint32_t shards[KEYS_MAX];
    harness->context.space = (struct key_space){.keys = keys, .shards = shards, .left = KEYS_MAX};
    call_prepare(&call, &harness->context, &harness->session, argv, argc);
    size_t keys_used = (size_t)(harness->context.space.keys - keys);
    keyspace_prefetch_first(harness->keyspace, keys, keys_used);
    enum call_outcome outcome = call_execute(&call, &reply, &harness->waiter);
    harness->was_deferred = outcome == CALL_DEFERRED;
    if (outcome == CALL_DEFERRED) {
        run_job(harness, &call, &reply);
        outcome = CALL_DONE;
    } else if (outcome == CALL_MOVED) {
        run_moved(harness, &call, &reply);
        outcome = CALL_DONE;
    }
    call_release(&call, &harness->context);
    harness->context.space = (struct key_space){0};
    pool_quiesce(harness->thread->pool);
    ASSERT(!string->sink.failed);
    ASSERT((outcome == CALL_WAITS) == (string->sink.at == string->text));
    *reply_out = bytes_make(string->text, (size_t)(string->sink.at - string->text));
    return outcome;
}

static char unescape(char **at)
{
    static const char *const digits = "0123456789abcdef";
    char c = *(*at)++;
    if (c == 'n') {
        return '\n';
    }
    if (c == 'r') {
        return '\r';
    }
    if (c != 'x') {
        return c;
    }
    int high = (int)(strchr(digits, *(*at)++) - digits);
    int low = (int)(strchr(digits, *(*at)++) - digits);
    return (char)(high * 16 + low);
}

static struct bytes quoted_word(char **at)
{
    char *start = *at;
    char *out = start;
    while (**at != '"') {
        ASSERT(**at != '\0');
        if (**at == '\\') {
            (*at)++;
            *out++ = unescape(at);
        } else {
            *out++ = *(*at)++;
        }
    }
    (*at)++;
    return bytes_make(start, (size_t)(out - start));
}

uint32_t harness_split(char *line, struct bytes *words, uint32_t words_max)
{
    uint32_t count = 0;
    for (char *at = line; *at != '\0';) {
        if (*at == ' ') {
            at++;
            continue;
        }
        ASSERT(count < words_max);
        if (*at == '"') {
            at++;
            words[count++] = quoted_word(&at);
        } else {
            size_t size = strcspn(at, " ");
            words[count++] = bytes_make(at, size);
            at += size;
        }
    }
    return count;
}

const char *harness_run(struct harness *harness, const char *line)
{
    static const char end = '\0';
    char *copy = strdup(line);
    ASSERT(copy != NULL);
    struct bytes reply;
    uint32_t count = harness_split(copy, harness->words, HARNESS_WORDS_MAX);
    enum call_outcome outcome = harness_try(harness, harness->words, count, &reply);
    ASSERT(outcome == CALL_DONE);
    sink_write(&harness->sink->sink, bytes_make(&end, 1));
    free(copy);
    return harness->sink->text;
}

const char *harness_escaped(struct harness *harness)
{
    struct string_sink *string = harness->sink;
    size_t size = strlen(string->text);
    free(string->escaped);
    string->escaped = malloc(2 * size + 1);
    ASSERT(string->escaped != NULL);
    char *out = string->escaped;
    for (const char *c = string->text; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n') {
            *out++ = '\\';
            *out++ = *c == '\r' ? 'r' : 'n';
        } else {
            *out++ = *c;
        }
    }
    *out = '\0';
    return string->escaped;
}

// ---- dumping ----

struct dump {
    char **lines;
    size_t count;
    uint32_t db;
};

static void print_bytes(FILE *out, struct bytes bytes)
{
    fputc(' ', out);
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c > ' ' && c < 127 && c != '\\') {
            fputc(c, out);
        } else {
            fprintf(out, "\\x%02x", c);
        }
    }
}

static void print_value(FILE *out, const struct entry *entry)
{
    if (entry_type(entry) == VALUE_STRING) {
        struct entry_scratch scratch;
        fprintf(out, " string");
        print_bytes(out, entry_string(entry, &scratch));
        return;
    }
    const struct zset *zset = zset_of_value(entry_value(entry));
    struct zset_walk walk;
    struct zset_item item;
    fprintf(out, " zset");
    zset_walk_begin(&walk, zset, 0, zset_count(zset), false);
    while (zset_walk_next(&walk, &item)) {
        fprintf(out, " %.17g", item.score);
        print_bytes(out, item.member);
    }
}

static void dump_entry(const struct entry *entry, void *context)
{
    struct dump *dump = context;
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    ASSERT(out != NULL);
    fprintf(out, "%u", dump->db);
    print_bytes(out, entry_key(entry));
    fprintf(out, " %llu", (unsigned long long)entry_deadline_ms(entry));
    print_value(out, entry);
    fprintf(out, "\n");
    (void)fclose(out);
    dump->lines = realloc(dump->lines, (dump->count + 1) * sizeof(char *));
    ASSERT(dump->lines != NULL);
    dump->lines[dump->count++] = line;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *harness_dump(struct harness *harness)
{
    struct dump dump = {0};
    for (; dump.db < DATABASES; dump.db++) {
        struct access access = {0};
        access_open(&access, harness->keyspace, harness->thread, dump.db, harness->context.now_ms);
        struct keyspace_walk walk = {.elements_min = SIZE_MAX, .shards_max = UINT32_MAX};
        bool whole = keyspace_scan(&access, &walk, dump_entry, &dump);
        ASSERT(whole && walk.cursor == 0);
    }
    if (dump.count > 0) {
        qsort(dump.lines, dump.count, sizeof(char *), compare_lines);
    }
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ASSERT(out != NULL);
    for (size_t i = 0; i < dump.count; i++) {
        (void)fputs(dump.lines[i], out);
        free(dump.lines[i]);
    }
    (void)fclose(out);
    free(dump.lines);
    return text;
}
