/* Commands on a whole database. They lock shard after shard themselves. */
#include "base/glob.h"
#include "base/number.h"
#include "base/random.h"
#include "command/args.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/key_list_internal.h"
#include "store/barrier.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

enum {
    SCAN_COUNT_DEFAULT = 10,
    SCAN_COUNT_INLINE_MAX = 1000, // More is left to a background thread.
    SCAN_SHARDS_MAX = 1024,       // Locked in one call; empty shards cost next to nothing.
    SLICE_ELEMENTS = 100,         // Of a background walk, between two quiescent points.
    SLICE_SHARDS = 256,
};

// ---- counting and flushing ----

void handle_dbsize(struct call *call)
{
    reply_integer(call->reply, (int64_t)keyspace_count(call->access.keyspace, call->access.db));
}

static bool check_flush_mode(struct call *call)
{
    if (call->argc == 1 || (call->argc == 2 && (bytes_is_word(call->argv[1], "ASYNC") ||
                                                bytes_is_word(call->argv[1], "SYNC")))) {
        return true;
    }
    reply_syntax_error(call->reply);
    return false;
}

static struct bytes flush_effect(int64_t db)
{
    return db == KEYSPACE_ALL ? BYTES("FLUSHALL") : BYTES("FLUSHDB");
}

/* Somebody listens: the flush has one place among the effects. What writers tell before it was
 * done to what is flushed, and what they tell later to what comes then. */
static void run_flush(struct deferred *deferred, void *state)
{
    static const struct effect_event event = {"flush", EFFECT_GENERIC, EFFECT_NO_KEY};
    struct access *access = &deferred->access;
    const int64_t *db = state;
    struct bytes effect = flush_effect(*db);
    barrier_enter(access->keyspace, access->thread);
    access_observe(access);
    keyspace_flush(access, *db);
    if ((access->observers & OBSERVES_EFFECTS) != 0) {
        effects_tell(access, event, &effect, 1);
    }
    barrier_leave(access->keyspace, access->thread);
    reply_ok(deferred->reply);
}

static void flush(struct call *call, int64_t db)
{
    if (!check_flush_mode(call)) {
        return;
    }
    if (call_has_listener(call)) {
        int64_t *state = call_defer(call, run_flush, sizeof(*state));
        if (state != NULL) {
            *state = db;
        }
        return;
    }
    keyspace_flush(&call->access, db);
    reply_ok(call->reply);
}

void handle_flushdb(struct call *call)
{
    flush(call, call->access.db);
}

void handle_flushall(struct call *call)
{
    flush(call, KEYSPACE_ALL);
}

// ---- RANDOMKEY ----

static void answer_key(const struct entry *entry, void *context)
{
    struct call *call = context;
    reply_value(call->reply, entry_key(entry));
}

void handle_randomkey(struct call *call)
{
    struct random random = {call->access.now_ms};
    // Without the kernel's generator, the time alone decides.
    (void)!random_fill(&random.state, sizeof(random.state));
    if (!keyspace_random(&call->access, &random, answer_key, call)) {
        reply_nil(call->reply);
    }
}

// ---- SCAN and KEYS ----

enum {
    STEPS_INLINE = 200 * 1000,   // Of matching patterns, in one call on a worker.
    STEPS_PER_KEY = 4 * 1000000, // In the background.
    PATTERN_INLINE_MAX = 1024,   // Bytes of a pattern that a worker compiles.
};

/* A walk and what it is after. */
struct search {
    struct bytes pattern;   // No data: everything.
    struct glob glob;       // The pattern, compiled.
    uint64_t steps;         // What matching may still take,
    uint64_t steps_per_key; // and begins with for each key; 0: it is for all of them.
    bool is_too_long;       // It took more.
    bool has_type;
    bool finds_nothing; // TYPE names a type that no value has.
    enum value_type type;
    uint64_t cursor;
    uint64_t count;
    size_t visited;
    struct key_list found;
};

static void consider(const struct entry *entry, void *context)
{
    struct search *search = context;
    search->visited++;
    if (search->finds_nothing || (search->has_type && entry_type(entry) != search->type)) {
        return;
    }
    struct bytes key = entry_key(entry);
    if (search->pattern.data == NULL) {
        key_list_add(&search->found, key);
        return;
    }
    if (search->steps_per_key > 0) {
        search->steps = search->steps_per_key;
    }
    switch (search->is_too_long ? GLOB_TOO_LONG : glob_match(&search->glob, key, &search->steps)) {
    case GLOB_MATCHES:
        key_list_add(&search->found, key);
        break;
    case GLOB_TOO_LONG:
        search->is_too_long = true;
        break;
    case GLOB_DIFFERS:
        break;
    }
}

// Begin to search: compile the pattern. 0 or negative errno.
static int search_begin(struct search *search, struct pool *pool, uint64_t steps,
                        uint64_t steps_per_key)
{
    key_list_init(&search->found, pool);
    search->glob = (struct glob){0};
    search->is_too_long = false;
    search->steps = steps;
    search->steps_per_key = steps_per_key;
    return search->pattern.data == NULL ? 0 : glob_compile(&search->glob, pool, search->pattern);
}

static void search_end(struct search *search, struct pool *pool)
{
    glob_free(&search->glob, pool);
    key_list_deinit(&search->found);
}

static void set_pattern(struct search *search, struct bytes pattern)
{
    search->pattern = bytes_equal(pattern, BYTES("*")) ? bytes_make(NULL, 0) : pattern;
}

/* A search in the background: the pattern's bytes stand behind it. */
struct search_job {
    struct search search;
    uint32_t db;
    bool answers_cursor;
    char pattern[];
};

static void answer_search(struct search *search, struct reply *reply, bool answers_cursor)
{
    if (search->found.failed) {
        reply_error(reply, "ERR out of memory");
    } else if (search->is_too_long) {
        reply_error(reply, "ERR matching this pattern takes too long for keys of such a size");
    } else {
        if (answers_cursor) {
            char digits[NUMBER_INTEGER_SIZE_MAX];
            size_t size = number_format_unsigned(search->cursor, digits);
            reply_array(reply, 2);
            reply_value(reply, bytes_make(digits, size));
        }
        key_list_reply(&search->found, reply);
    }
}

static void run_search_job(struct deferred *deferred, void *state)
{
    struct search_job *job = state;
    struct search *search = &job->search;
    struct access *access = &deferred->access;
    struct pool *pool = access->thread->pool;
    if (search->pattern.data != NULL) {
        search->pattern.data = job->pattern;
    }
    int error = search_begin(search, pool, 0, STEPS_PER_KEY);
    if (error < 0) {
        reply_error(deferred->reply,
                    error == -E2BIG ? "ERR the pattern is too long" : "ERR out of memory");
        search_end(search, pool);
        return;
    }
    do {
        // The database may have been flushed since the last quiescent point.
        access_open(access, access->keyspace, access->thread, job->db, access->now_ms);
        uint64_t left = search->count - search->visited;
        struct keyspace_walk walk = {
            .cursor = search->cursor,
            .elements_min = left < SLICE_ELEMENTS ? (size_t)left : SLICE_ELEMENTS,
            .shards_max = SLICE_SHARDS,
            .may_wait = true,
        };
        (void)keyspace_scan(access, &walk, consider, search);
        search->cursor = walk.cursor;
        pool_quiesce(pool);
        pool_rest(pool, SLICE_ELEMENTS);
    } while (search->cursor != 0 && search->visited < search->count && !search->found.failed &&
             !search->is_too_long && !deferred_is_cancelled(deferred));
    answer_search(search, deferred->reply, job->answers_cursor);
    search_end(search, pool);
}

static void defer_search(struct call *call, const struct search *search, bool answers_cursor)
{
    struct search_job *job = call_defer(call, run_search_job, sizeof(*job) + search->pattern.size);
    if (job == NULL) {
        return;
    }
    job->search = *search;
    job->db = call->access.db;
    job->answers_cursor = answers_cursor;
    if (search->pattern.size > 0) {
        memcpy(job->pattern, search->pattern.data, search->pattern.size);
    }
}

void handle_keys(struct call *call)
{
    struct search search = {.count = UINT64_MAX};
    set_pattern(&search, call->argv[1]);
    defer_search(call, &search, false);
}

static void set_type(struct search *search, struct bytes word)
{
    search->has_type = true;
    search->finds_nothing = !value_type_find(word, &search->type);
}

enum scan_option { SCAN_MATCH = 1 << 0, SCAN_COUNT = 1 << 1, SCAN_TYPE = 1 << 2 };

static const struct args_option scan_options[] = {
    {"MATCH", .flag = SCAN_MATCH, .values = 1},
    {"COUNT", .flag = SCAN_COUNT, .values = 1, .are_integers = true},
    {"TYPE", .flag = SCAN_TYPE, .values = 1},
};
enum { SCAN_OPTIONS = sizeof(scan_options) / sizeof(scan_options[0]) };

static bool parse_search(struct call *call, struct search *search)
{
    if (!number_parse_unsigned(call->argv[1], &search->cursor)) {
        reply_error(call->reply, "ERR invalid cursor");
        return false;
    }
    struct args args = args_from(call, 2);
    struct args_found found;
    if (!args_options(&args, scan_options, SCAN_OPTIONS, &found) || !args_end(&args)) {
        return false;
    }
    if ((found.flags & SCAN_COUNT) != 0) {
        int64_t count;
        if (!call_integer(call, args_value_at(&found, SCAN_COUNT), &count)) {
            return false;
        }
        if (count < 1) {
            reply_syntax_error(call->reply);
            return false;
        }
        search->count = (uint64_t)count;
    }
    if ((found.flags & SCAN_MATCH) != 0) {
        set_pattern(search, call->argv[args_value_at(&found, SCAN_MATCH)]);
    }
    if ((found.flags & SCAN_TYPE) != 0) {
        set_type(search, call->argv[args_value_at(&found, SCAN_TYPE)]);
    }
    return true;
}

/* One step of SCAN on the worker itself; a busy shard ends it. False when there was no
 * progress at all: a background thread can wait for the shard. */
static bool scan_step(struct call *call, struct search *search)
{
    struct keyspace_walk walk = {
        .cursor = search->cursor,
        .elements_min = (size_t)search->count,
        .shards_max = SCAN_SHARDS_MAX,
    };
    bool is_whole = keyspace_scan(&call->access, &walk, consider, search);
    bool has_progress = is_whole || walk.cursor != search->cursor;
    search->cursor = walk.cursor;
    return has_progress;
}

void handle_scan(struct call *call)
{
    struct search search = {.count = SCAN_COUNT_DEFAULT};
    if (!parse_search(call, &search)) {
        return;
    }
    if (search.count > SCAN_COUNT_INLINE_MAX || search.pattern.size > PATTERN_INLINE_MAX) {
        defer_search(call, &search, true);
        return;
    }
    struct pool *pool = call->access.thread->pool;
    const struct search begun = search;
    if (search_begin(&search, pool, STEPS_INLINE, 0) < 0) {
        call_out_of_memory(call);
    } else if (scan_step(call, &search) && !search.is_too_long) {
        answer_search(&search, call->reply, true);
    } else { // A background thread has the time.
        defer_search(call, &begun, true);
    }
    search_end(&search, pool);
}
