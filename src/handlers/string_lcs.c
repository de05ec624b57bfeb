/* LCS: the longest common subsequence of two strings.
 *
 * L(i, j) is its length for the first i bytes of a and the first j of b. In a row of L, each
 * value is that to its left or one more: a row is kept as one bit per column that says whether it
 * is one more. Rows are computed from each other by operations on whole words.
 * H. Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
 *
 * Going backwards from L(|a|, |b|): where the bytes are equal both are taken; otherwise
 * L(i, j) is the larger of L(i-1, j) and L(i, j-1), so L(i-1, j) > L(i, j-1) exactly when
 * L(i, j) is one more than L(i, j-1): the bit says where to go.
 *
 * Limits: as many pairs of bytes as Redis has room for. That takes 2 bits a pair here. */
#include "handlers/handlers.h"
#include "handlers/string_internal.h"
#include "proto/request.h"

#include <errno.h>

enum {
    WORD_BITS = 64,
    PAIRS_MAX = PROTO_VALUE_MAX / sizeof(uint32_t),
    PAIRS_INLINE_MAX = 4 * 1024 * 1024, // A worker has that done in some 0.2 ms.
    BYTE_VALUES = 256,
};

struct lcs_options {
    bool wants_length;
    bool wants_places;
    bool with_lengths;
    size_t length_min;
};

struct lcs {
    struct bytes a;
    struct bytes b;
    size_t words;      // Of a row.
    size_t row_count;  // Kept: all, or one.
    uint64_t *rows;    // rows[i * words ...]: bit j is 0 where L(i+1, j+1) is one more.
    uint64_t *matches; // Of each byte that a has: where b has it.
    size_t allocated;  // Bytes at `rows`, which hold `matches`, too.
    uint16_t match_of[BYTE_VALUES];
};

// ---- the table ----

// Number the bytes that occur in a; how many there are.
static size_t number_bytes(struct lcs *lcs)
{
    size_t count = 0;
    memset(lcs->match_of, 0xFF, sizeof(lcs->match_of));
    for (size_t i = 0; i < lcs->a.size; i++) {
        uint16_t *number = &lcs->match_of[(uint8_t)lcs->a.data[i]];
        if (*number == UINT16_MAX) {
            *number = (uint16_t)count++;
        }
    }
    return count;
}

// 0 or -ENOMEM. Without `keeps_rows` only the last row is kept.
static int lcs_allocate(struct lcs *lcs, struct pool *pool, bool keeps_rows)
{
    size_t numbered = number_bytes(lcs);
    lcs->words = (lcs->b.size + WORD_BITS - 1) / WORD_BITS;
    lcs->row_count = keeps_rows ? lcs->a.size : 1;
    lcs->allocated = (lcs->row_count + numbered) * lcs->words * sizeof(uint64_t);
    lcs->rows = NULL;
    if (lcs->allocated == 0) {
        return 0;
    }
    lcs->rows = pool_alloc(pool, MEMORY_JOB, lcs->allocated);
    if (lcs->rows == NULL) {
        return -ENOMEM;
    }
    lcs->matches = lcs->rows + lcs->row_count * lcs->words;
    memset(lcs->matches, 0, numbered * lcs->words * sizeof(uint64_t));
    for (size_t j = 0; j < lcs->b.size; j++) {
        uint16_t number = lcs->match_of[(uint8_t)lcs->b.data[j]];
        if (number != UINT16_MAX) {
            lcs->matches[number * lcs->words + j / WORD_BITS] |= UINT64_C(1) << j % WORD_BITS;
        }
    }
    return 0;
}

static void lcs_free(struct lcs *lcs, struct pool *pool)
{
    if (lcs->rows != NULL) {
        pool_free(pool, MEMORY_JOB, lcs->rows, lcs->allocated);
    }
}

// Row i from the one before; NULL: of zeros, where nothing is one more.
static void compute_row(const struct lcs *lcs, const uint64_t *before, uint64_t *row, uint8_t byte)
{
    const uint64_t *matches = lcs->matches + lcs->match_of[byte] * lcs->words;
    bool carry = false;
    for (size_t w = 0; w < lcs->words; w++) {
        uint64_t old = before == NULL ? UINT64_MAX : before[w];
        uint64_t common = old & matches[w];
        uint64_t sum;
        bool carries = __builtin_add_overflow(old, common, &sum);
        carries |= __builtin_add_overflow(sum, (uint64_t)carry, &sum);
        row[w] = sum | (old & ~matches[w]);
        carry = carries;
    }
}

enum { WORDS_PER_REST = 65536 };

// Compute all rows; in the background (`pool`, else NULL) let others run now and then.
static void compute_rows(const struct lcs *lcs, struct pool *pool)
{
    const uint64_t *before = NULL;
    size_t words_done = 0;
    for (size_t i = 0; i < lcs->a.size && lcs->words > 0; i++) {
        uint64_t *row = lcs->rows + (lcs->row_count == 1 ? 0 : i * lcs->words);
        compute_row(lcs, before, row, (uint8_t)lcs->a.data[i]);
        before = row;
        words_done += lcs->words;
        if (pool != NULL && words_done >= WORDS_PER_REST) {
            pool_quiesce(pool);
            pool_rest(pool, WORDS_PER_REST);
            words_done = 0;
        }
    }
}

// Whether L(i, j) is one more than L(i, j-1); both from 1.
static bool is_one_more(const struct lcs *lcs, size_t i, size_t j)
{
    uint64_t word = lcs->rows[(i - 1) * lcs->words + (j - 1) / WORD_BITS];
    return (word >> (j - 1) % WORD_BITS & 1) == 0;
}

static size_t lcs_length(const struct lcs *lcs)
{
    size_t length = 0;
    if (lcs->a.size == 0) {
        return 0;
    }
    const uint64_t *row = lcs->rows + (lcs->row_count - 1) * lcs->words;
    for (size_t w = 0; w < lcs->words; w++) {
        length += (size_t)__builtin_popcountll(~row[w]);
    }
    return length; // Bits beyond b are never cleared: nothing matches there.
}

// ---- going backwards ----

struct run {
    size_t a; // Where it begins.
    size_t b;
    size_t length;
};

struct walk {
    const struct lcs *lcs;
    size_t i;
    size_t j;
};

// The next run of bytes that are equal in both, from the end on; false: there is none.
static bool walk_next(struct walk *walk, struct run *run_out)
{
    const struct lcs *lcs = walk->lcs;
    size_t i = walk->i;
    size_t j = walk->j;
    while (i > 0 && j > 0 && lcs->a.data[i - 1] != lcs->b.data[j - 1]) {
        if (is_one_more(lcs, i, j)) {
            i--;
        } else {
            j--;
        }
    }
    size_t end = i;
    bool found = i > 0 && j > 0;
    while (i > 0 && j > 0 && lcs->a.data[i - 1] == lcs->b.data[j - 1]) {
        i--;
        j--;
    }
    *run_out = (struct run){.a = i, .b = j, .length = end - i};
    walk->i = i;
    walk->j = j;
    return found;
}

static void reply_places(struct reply *reply, size_t first, size_t length)
{
    reply_array(reply, 2);
    reply_integer(reply, (int64_t)first);
    reply_integer(reply, (int64_t)(first + length - 1));
}

static void reply_runs(struct reply *reply, const struct lcs *lcs,
                       const struct lcs_options *options)
{
    struct run run;
    size_t count = 0;
    struct walk walk = {.lcs = lcs, .i = lcs->a.size, .j = lcs->b.size};
    reply_map(reply, 2);
    reply_value(reply, BYTES("matches"));
    struct reply_open open = reply_open(reply);
    while (walk_next(&walk, &run)) {
        if (run.length < options->length_min) {
            continue;
        }
        count++;
        reply_array(reply, options->with_lengths ? 3 : 2);
        reply_places(reply, run.a, run.length);
        reply_places(reply, run.b, run.length);
        if (options->with_lengths) {
            reply_integer(reply, (int64_t)run.length);
        }
    }
    reply_close_array(reply, open, count);
    reply_value(reply, BYTES("len"));
    reply_integer(reply, (int64_t)lcs_length(lcs));
}

// Answer with the subsequence itself. 0 or -ENOMEM.
static int reply_subsequence(struct reply *reply, const struct lcs *lcs, struct pool *pool)
{
    size_t length = lcs_length(lcs);
    if (length == 0) {
        reply_value(reply, bytes_make("", 0));
        return 0;
    }
    char *text = pool_alloc(pool, MEMORY_JOB, length);
    if (text == NULL) {
        return -ENOMEM;
    }
    struct run run;
    struct walk walk = {.lcs = lcs, .i = lcs->a.size, .j = lcs->b.size};
    size_t at = length;
    while (walk_next(&walk, &run)) {
        ASSERT(at >= run.length);
        at -= run.length;
        memcpy(text + at, lcs->a.data + run.a, run.length);
    }
    ASSERT(at == 0);
    reply_value(reply, bytes_make(text, length));
    pool_free(pool, MEMORY_JOB, text, length);
    return 0;
}

// ---- the command ----

struct lcs_input {
    struct bytes a;
    struct bytes b;
    struct lcs_options options;
};

/* Compute and answer; `rests`: in the background. */
static void answer(struct reply *reply, const struct lcs_input *input, struct pool *pool,
                   bool rests)
{
    struct lcs lcs = {.a = input->a, .b = input->b};
    const struct lcs_options *options = &input->options;
    if (lcs_allocate(&lcs, pool, !options->wants_length) < 0) {
        reply_error(reply, "ERR out of memory");
        return;
    }
    compute_rows(&lcs, rests ? pool : NULL);
    if (options->wants_places) {
        reply_runs(reply, &lcs, options);
    } else if (options->wants_length) {
        reply_integer(reply, (int64_t)lcs_length(&lcs));
    } else if (reply_subsequence(reply, &lcs, pool) < 0) {
        reply_error(reply, "ERR out of memory");
    }
    lcs_free(&lcs, pool);
}

struct lcs_job {
    struct lcs_options options;
    struct kept_string strings[2];
    char room[]; // Copies of those that stand beside their keys.
};

static void run_job(struct deferred *deferred, void *state)
{
    struct lcs_job *job = state;
    struct store_thread *thread = deferred->access.thread;
    const struct lcs_input input = {
        .a = job->strings[0].bytes, .b = job->strings[1].bytes, .options = job->options};
    answer(deferred->reply, &input, thread->pool, true);
    string_let_go(thread, &job->strings[0]);
    string_let_go(thread, &job->strings[1]);
}

// Leave it to a background thread, which needs no locks.
static void defer(struct call *call, const struct lcs_input *input, struct entry *const *entries)
{
    size_t room = string_room(entries[0], input->a);
    size_t size = sizeof(struct lcs_job) + room + string_room(entries[1], input->b);
    struct lcs_job *job = call_defer(call, run_job, size);
    if (job == NULL) {
        return;
    }
    job->options = input->options;
    string_keep(call, entries[0], input->a, job->room, &job->strings[0]);
    string_keep(call, entries[1], input->b, job->room + room, &job->strings[1]);
}

// False: a mistake (answered).
static bool read_options(struct call *call, struct lcs_options *options)
{
    enum { LEN = 1, IDX = 2, WITHMATCHLEN = 4, MINMATCHLEN = 8 };
    static const struct args_option table[] = {
        {"LEN", .flag = LEN},
        {"IDX", .flag = IDX},
        {"WITHMATCHLEN", .flag = WITHMATCHLEN},
        {"MINMATCHLEN", .flag = MINMATCHLEN, .values = 1, .are_integers = true},
    };
    struct args args = args_from(call, 3);
    struct args_found found;
    int64_t length_min = 0;
    if (!args_options(&args, table, sizeof(table) / sizeof(table[0]), &found) || !args_end(&args) ||
        ((found.flags & MINMATCHLEN) != 0 &&
         !call_integer(call, args_value_at(&found, MINMATCHLEN), &length_min))) {
        return false;
    }
    *options = (struct lcs_options){
        .wants_length = (found.flags & LEN) != 0,
        .wants_places = (found.flags & IDX) != 0,
        .with_lengths = (found.flags & WITHMATCHLEN) != 0,
        .length_min = length_min < 0 ? 0 : (size_t)length_min,
    };
    if (options->wants_length && options->wants_places) {
        reply_error(call->reply,
                    "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

void handle_lcs(struct call *call)
{
    struct entry *entries[2];
    struct entry_scratch scratch[2];
    struct lcs_input input;
    for (uint32_t i = 0; i < 2; i++) {
        entries[i] = keyspace_find(&call->access, call_key(call, i));
        if (entries[i] != NULL && entry_type(entries[i]) != VALUE_STRING) {
            reply_error(call->reply, "ERR The specified keys must contain string values");
            return;
        }
    }
    if (!read_options(call, &input.options)) {
        return;
    }
    input.a = string_at(entries[0], &scratch[0]);
    input.b = string_at(entries[1], &scratch[1]);
    uint64_t pairs = (uint64_t)(input.a.size + 1) * (input.b.size + 1);
    if (pairs > PAIRS_MAX) {
        reply_error(call->reply, "ERR Insufficient memory, transient memory for LCS exceeds "
                                 "proto-max-bulk-len");
    } else if (pairs > PAIRS_INLINE_MAX && !call->is_in_background) {
        defer(call, &input, entries);
    } else {
        answer(call->reply, &input, call->access.thread->pool, false);
    }
}
