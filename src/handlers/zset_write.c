/* Commands that change sorted sets. */
#include "base/number.h"
#include "command/args.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/zset_walk_internal.h"

#include <errno.h>
#include <math.h>

static struct effect_event zset_event(const char *name)
{
    return (struct effect_event){name, EFFECT_ZSET, EFFECT_ONE_KEY};
}

// The set is no longer used after this: an empty one goes with its key.
static void drop_if_empty(struct call *call, const struct zset *zset)
{
    if (zset_count(zset) == 0) {
        (void)keyspace_remove(&call->access, call->keys);
        effect_event(call, call->keys, "del", EFFECT_GENERIC);
    }
}

// Members were taken out: tell it, and drop the key with the last of them.
static void end_removal(struct call *call, const struct zset *zset, struct effect_list *effect,
                        const char *event)
{
    call_touch(call);
    effect_list_end(effect, call, zset_event(event));
    drop_if_empty(call, zset);
}

// ---- ZADD and ZINCRBY ----

enum { PAIRS_INLINE = 8 };

enum add_option {
    ADD_NX = 1 << 0,
    ADD_XX = 1 << 1,
    ADD_GT = 1 << 2,
    ADD_LT = 1 << 3,
    ADD_CH = 1 << 4, // Count changes, too.
    ADD_INCR = 1 << 5,
};

enum pair_outcome { PAIR_SKIPPED, PAIR_SAME, PAIR_ADDED, PAIR_MOVED };

struct pair {
    double score; // To give; after an increment the sum.
    double old_score;
    enum pair_outcome outcome;
};

/* A ZADD on its way. */
struct addition {
    struct call *call;
    uint32_t options; // enum add_option
    uint32_t first;   // Argument of the first score.
    uint32_t count;   // Pairs.
    struct pair *pairs;
    struct pair inline_pairs[PAIRS_INLINE];
    struct effect_list effect;
};

static struct bytes member_of(const struct addition *addition, uint32_t i)
{
    return addition->call->argv[addition->first + 2 * i + 1];
}

// Find where the pairs begin, and whether the options go together.
static bool parse_addition(struct addition *addition)
{
    static const struct args_option table[] = {{"NX", .flag = ADD_NX}, {"XX", .flag = ADD_XX},
                                               {"GT", .flag = ADD_GT}, {"LT", .flag = ADD_LT},
                                               {"CH", .flag = ADD_CH}, {"INCR", .flag = ADD_INCR}};
    struct call *call = addition->call;
    struct args args = args_from(call, 2);
    struct args_found found;
    if (!args_options(&args, table, sizeof(table) / sizeof(table[0]), &found)) {
        return false;
    }
    uint32_t options = found.flags;
    uint32_t rest = args_left(&args);
    addition->options = options;
    addition->first = args.at;
    addition->count = rest / 2;
    if (rest == 0 || rest % 2 != 0) {
        reply_syntax_error(call->reply);
        return false;
    }
    if ((options & ADD_NX) != 0 && (options & ADD_XX) != 0) {
        reply_error(call->reply, "ERR XX and NX options at the same time are not compatible");
        return false;
    }
    if (__builtin_popcount(options & (ADD_GT | ADD_LT | ADD_NX)) > 1) {
        reply_error(call->reply,
                    "ERR GT, LT, and/or NX options at the same time are not compatible");
        return false;
    }
    if ((options & ADD_INCR) != 0 && addition->count > 1) {
        reply_error(call->reply, "ERR INCR option supports a single increment-element pair");
        return false;
    }
    return true;
}

static bool parse_scores(struct addition *addition)
{
    const struct bytes *argv = addition->call->argv + addition->first;
    for (uint32_t i = 0; i < addition->count; i++) {
        addition->pairs[i].outcome = PAIR_SKIPPED;
        if (UNLIKELY(!number_parse_double(argv[(size_t)2 * i], &addition->pairs[i].score))) {
            reply_error(addition->call->reply, "ERR value is not a valid float");
            return false;
        }
    }
    return true;
}

static int put_pair(struct addition *addition, struct zset *zset, uint32_t i)
{
    static const enum pair_outcome outcomes[] = {
        [ZSET_ADDED] = PAIR_ADDED,
        [ZSET_MOVED] = PAIR_MOVED,
        [ZSET_SAME] = PAIR_SAME,
    };
    struct pair *pair = &addition->pairs[i];
    enum zset_put put;
    int error = zset_put(zset, addition->call->access.thread->pool, member_of(addition, i),
                         pair->score, &put);
    if (LIKELY(error == 0)) {
        pair->outcome = outcomes[put];
    }
    return error;
}

/* Give one member its score, as far as the options allow. 0, -ENOMEM, or -EDOM when the
 * sum is not a number; on errors the member is as before. */
static int add_pair(struct addition *addition, struct zset *zset, uint32_t i)
{
    uint32_t options = addition->options;
    struct pair *pair = &addition->pairs[i];
    if (!zset_score(zset, member_of(addition, i), &pair->old_score)) {
        return (options & ADD_XX) != 0 ? 0 : put_pair(addition, zset, i);
    }
    if ((options & ADD_NX) != 0) {
        return 0;
    }
    double score = pair->score;
    if ((options & ADD_INCR) != 0) {
        score += pair->old_score;
        if (isnan(score)) {
            return -EDOM;
        }
    }
    if (((options & ADD_GT) != 0 && score <= pair->old_score) ||
        ((options & ADD_LT) != 0 && score >= pair->old_score)) {
        return 0;
    }
    pair->score = score;
    return put_pair(addition, zset, i);
}

/* Take back the first `count` pairs, last first. A member that was moved needs memory to
 * move back: where there is none, what is left stays done and keeps its outcome, so that
 * it is reported. */
static void undo_pairs(struct addition *addition, struct zset *zset, uint32_t count)
{
    struct pool *pool = addition->call->access.thread->pool;
    for (uint32_t i = count; i-- > 0;) {
        struct pair *pair = &addition->pairs[i];
        enum zset_put put;
        if (pair->outcome == PAIR_ADDED) {
            (void)zset_remove(zset, pool, member_of(addition, i));
        } else if (pair->outcome == PAIR_MOVED &&
                   zset_put(zset, pool, member_of(addition, i), pair->old_score, &put) < 0) {
            return;
        }
        pair->outcome = PAIR_SKIPPED;
    }
}

// Bring what the next pairs, from the first on, touch into the cache.
static void prefetch_pairs(const struct addition *addition, const struct zset *zset, uint32_t first)
{
    struct zset_item items[ZSET_PREFETCH_MAX];
    uint32_t left = addition->count - first;
    uint32_t count = left < ZSET_PREFETCH_MAX ? left : ZSET_PREFETCH_MAX;
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct zset_item){.member = member_of(addition, first + i),
                                      .score = addition->pairs[first + i].score};
    }
    zset_prefetch(zset, items, count);
}

static int add_pairs(struct addition *addition, struct zset *zset)
{
    uint32_t options = addition->options;
    bool looks_first = addition->count > 1 || (options & (uint32_t)~ADD_CH) != 0;
    if (LIKELY(!looks_first)) {
        return put_pair(addition, zset, 0);
    }
    for (uint32_t i = 0; i < addition->count; i++) {
        if (i % ZSET_PREFETCH_MAX == 0 && addition->count > 1) {
            prefetch_pairs(addition, zset, i);
        }
        int error = add_pair(addition, zset, i);
        if (UNLIKELY(error < 0)) {
            undo_pairs(addition, zset, i);
            return error;
        }
    }
    return 0;
}

// The same for a key that is absent.
static int add_pairs_to_new(struct addition *addition)
{
    struct call *call = addition->call;
    struct pool *pool = call->access.thread->pool;
    struct zset *zset = zset_create(pool, keyspace_secret(call->access.keyspace));
    if (zset == NULL) {
        return -ENOMEM;
    }
    int error = add_pairs(addition, zset);
    if (error == 0) {
        error = keyspace_put_value(&call->access, call->keys, zset_value(zset));
    }
    if (error < 0) {
        for (uint32_t i = 0; i < addition->count; i++) {
            addition->pairs[i].outcome = PAIR_SKIPPED;
        }
        zset_destroy(zset, pool);
    }
    return error;
}

static struct effect_event addition_event(const struct addition *addition)
{
    return zset_event((addition->options & ADD_INCR) != 0 ? "zincr" : "zadd");
}

static void report_addition(struct addition *addition)
{
    struct call *call = addition->call;
    char digits[NUMBER_DOUBLE_SIZE_MAX];
    if (LIKELY(call->access.observers == 0)) {
        return;
    }
    bool has_changed = false;
    for (uint32_t i = 0; i < addition->count; i++) {
        struct pair *pair = &addition->pairs[i];
        if (pair->outcome != PAIR_ADDED && pair->outcome != PAIR_MOVED) {
            continue;
        }
        has_changed = true;
        // The client's own text reads back as the same score; only a sum needs writing.
        struct bytes score = call->argv[addition->first + 2 * i];
        if ((addition->options & ADD_INCR) != 0) {
            score = bytes_make(digits, number_format_double(pair->score, digits));
        }
        effect_list_add(&addition->effect, score);
        effect_list_add(&addition->effect, member_of(addition, i));
    }
    if (has_changed) {
        call_touch(call);
    }
    effect_list_end(&addition->effect, call, addition_event(addition));
}

static void answer_addition(const struct addition *addition)
{
    struct reply *reply = addition->call->reply;
    if ((addition->options & ADD_INCR) != 0) {
        if (addition->pairs[0].outcome == PAIR_SKIPPED) {
            reply_nil(reply);
        } else {
            reply_double(reply, addition->pairs[0].score);
        }
        return;
    }
    int64_t added = 0;
    int64_t moved = 0;
    for (uint32_t i = 0; i < addition->count; i++) {
        added += addition->pairs[i].outcome == PAIR_ADDED;
        moved += addition->pairs[i].outcome == PAIR_MOVED;
    }
    reply_integer(reply, (addition->options & ADD_CH) != 0 ? added + moved : added);
}

// Scores are read and effects have room: do it and answer.
static void execute_addition(struct addition *addition)
{
    struct call *call = addition->call;
    struct entry *entry;
    if (!effect_list_begin(&addition->effect, call, "ZADD", call->keys, 2 * addition->count)) {
        return;
    }
    int error = 0;
    if (!call_find(call, VALUE_ZSET, &entry)) {
        effect_list_end(&addition->effect, call, addition_event(addition));
        return;
    }
    if (LIKELY(entry != NULL)) {
        error = add_pairs(addition, zset_of_value(entry_value(entry)));
    } else if ((addition->options & ADD_XX) == 0) {
        error = add_pairs_to_new(addition);
    }
    report_addition(addition);
    if (error == -EDOM) {
        reply_error(call->reply, "ERR resulting score is not a number (NaN)");
    } else if (error < 0) {
        call_out_of_memory(call);
    } else {
        answer_addition(addition);
    }
}

static void add_members(struct addition *addition)
{
    struct pool *pool = addition->call->access.thread->pool;
    size_t size = addition->count * sizeof(struct pair);
    addition->pairs = addition->inline_pairs;
    if (addition->count > PAIRS_INLINE) {
        addition->pairs = pool_alloc(pool, MEMORY_JOB, size);
        if (addition->pairs == NULL) {
            call_out_of_memory(addition->call);
            return;
        }
    }
    if (parse_scores(addition)) {
        execute_addition(addition);
    }
    if (addition->pairs != addition->inline_pairs) {
        pool_free(pool, MEMORY_JOB, addition->pairs, size);
    }
}

void handle_zadd(struct call *call)
{
    struct addition addition;
    addition.call = call;
    if (parse_addition(&addition)) {
        add_members(&addition);
    }
}

void handle_zincrby(struct call *call)
{
    struct addition addition;
    addition.call = call;
    addition.options = ADD_INCR;
    addition.first = 2;
    addition.count = 1;
    add_members(&addition);
}

// ---- taking out ----

// Bring what removing the next members, from argument `first` on, touches into the cache.
static void prefetch_members(const struct call *call, const struct zset *zset, uint32_t first)
{
    struct zset_item items[ZSET_PREFETCH_MAX];
    uint32_t left = call->argc - first;
    uint32_t count = left < ZSET_PREFETCH_MAX ? left : ZSET_PREFETCH_MAX;
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct zset_item){.member = call->argv[first + i], .score = NAN};
    }
    zset_prefetch(zset, items, count);
}

void handle_zrem(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_ZSET, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    struct effect_list effect;
    if (!effect_list_begin(&effect, call, "ZREM", call->keys, call->argc - 2)) {
        return;
    }
    struct zset *zset = zset_of_value(entry_value(entry));
    int64_t count = 0;
    for (uint32_t i = 2; i < call->argc; i++) {
        if ((i - 2) % ZSET_PREFETCH_MAX == 0 && call->argc > 3) {
            prefetch_members(call, zset, i);
        }
        if (zset_remove(zset, call->access.thread->pool, call->argv[i])) {
            effect_list_add(&effect, call->argv[i]);
            count++;
        }
    }
    if (count > 0) {
        end_removal(call, zset, &effect, "zrem");
    } else {
        effect_list_end(&effect, call, zset_event("zrem"));
    }
    reply_integer(call->reply, count);
}

static bool parse_pop_count(struct call *call, int64_t *count_out)
{
    if (call->argc > 3) {
        reply_syntax_error(call->reply);
        return false;
    }
    *count_out = 1;
    if (call->argc == 3 && (!number_parse_integer(call->argv[2], count_out) || *count_out < 0)) {
        reply_error(call->reply, "ERR value is out of range, must be positive");
        return false;
    }
    return true;
}

static const char *pop_event(const struct zset_span *span)
{
    return span->backwards ? "zpopmax" : "zpopmin";
}

// All of a large set: it is unlinked now and walked by a background thread.
static void pop_whole(struct call *call, struct zset *zset, const struct zset_span *span)
{
    if (defer_zset_span(call, zset, span)) {
        (void)keyspace_remove(&call->access, call->keys);
        const struct bytes effect[] = {BYTES("DEL"), call->keys->name};
        call_effect(call, zset_event(pop_event(span)), effect, 2);
        effect_event(call, call->keys, "del", EFFECT_GENERIC);
    }
}

static void pop_some(struct call *call, struct zset *zset, const struct zset_span *span)
{
    struct effect_list effect;
    if (!effect_list_begin(&effect, call, "ZREM", call->keys, (uint32_t)span->count)) {
        return;
    }
    if (call->argc == 2) { // Without a count: one member, not a list of them.
        reply_zset_item(call->reply, zset, span->rank);
    } else {
        reply_zset_span(call->reply, zset, span, NULL);
    }
    size_t begin = span->backwards ? span->rank + 1 - span->count : span->rank;
    if (call_has_listener(call)) {
        struct zset_walk walk;
        struct zset_item item;
        zset_walk_begin(&walk, zset, begin, span->count, false);
        while (zset_walk_next(&walk, &item)) {
            effect_list_add(&effect, item.member);
        }
    }
    // Before the removal: the set lends the members.
    effect_list_end(&effect, call, zset_event(pop_event(span)));
    const struct zset_ranks ranks = {.begin = begin, .end = begin + span->count};
    zset_remove_ranks(zset, call->access.thread->pool, ranks);
    call_touch(call);
    drop_if_empty(call, zset);
}

static void pop(struct call *call, bool highest)
{
    int64_t count;
    struct entry *entry;
    if (!parse_pop_count(call, &count) || !call_find(call, VALUE_ZSET, &entry)) {
        return;
    }
    if (entry == NULL || count == 0) {
        reply_array(call->reply, 0);
        return;
    }
    struct zset *zset = zset_of_value(entry_value(entry));
    size_t size = zset_count(zset);
    struct zset_span span = {
        .rank = highest ? size - 1 : 0,
        .count = (uint64_t)count < size ? (size_t)count : size,
        .backwards = highest,
        .with_scores = true,
    };
    if (span.count == size && size > CALL_ITEMS_INLINE_MAX) {
        pop_whole(call, zset, &span);
    } else if (span.count <= CALL_ITEMS_INLINE_MAX || !call_moves(call)) {
        pop_some(call, zset, &span);
    }
}

void handle_zpopmin(struct call *call)
{
    pop(call, false);
}

void handle_zpopmax(struct call *call)
{
    pop(call, true);
}
