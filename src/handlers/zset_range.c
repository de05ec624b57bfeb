/* Commands that read sorted sets. */
#include "base/number.h"
#include "command/args.h"
#include "handlers/handlers.h"
#include "handlers/zset_walk_internal.h"

// The set at the call's key, *zset_out NULL when absent.
static bool find_zset(struct call *call, const struct zset **zset_out)
{
    struct entry *entry;
    if (!call_find(call, VALUE_ZSET, &entry)) {
        return false;
    }
    *zset_out = entry == NULL ? NULL : zset_of_value(entry_value(entry));
    return true;
}

// ---- one member ----

void handle_zscore(struct call *call)
{
    const struct zset *zset;
    double score;
    if (!find_zset(call, &zset)) {
        return;
    }
    if (zset == NULL || !zset_score(zset, call->argv[2], &score)) {
        reply_nil(call->reply);
        return;
    }
    reply_double(call->reply, score);
}

void handle_zcard(struct call *call)
{
    const struct zset *zset;
    if (find_zset(call, &zset)) {
        reply_integer(call->reply, zset == NULL ? 0 : (int64_t)zset_count(zset));
    }
}

static void answer_rank(struct call *call, bool from_highest)
{
    bool with_score = call->argc == 4;
    if (with_score && !bytes_is_word(call->argv[3], "WITHSCORE")) {
        reply_syntax_error(call->reply);
        return;
    }
    const struct zset *zset;
    if (!find_zset(call, &zset)) {
        return;
    }
    size_t rank;
    double score;
    bool found = zset != NULL && zset_rank(zset, call->argv[2], &rank, &score);
    if (!found) {
        if (with_score) {
            reply_nil_array(call->reply);
        } else {
            reply_nil(call->reply);
        }
        return;
    }
    if (with_score) {
        reply_array(call->reply, 2);
    }
    reply_integer(call->reply, (int64_t)(from_highest ? zset_count(zset) - 1 - rank : rank));
    if (with_score) {
        reply_double(call->reply, score);
    }
}

void handle_zrank(struct call *call)
{
    answer_rank(call, false);
}

void handle_zrevrank(struct call *call)
{
    answer_rank(call, true);
}

// ---- ranges: from arguments to ranks ----

static bool parse_score_bound(struct bytes text, double *score_out, bool *excluded_out)
{
    *excluded_out = text.size > 0 && text.data[0] == '(';
    if (*excluded_out) {
        text = bytes_make(text.data + 1, text.size - 1);
    }
    return number_parse_bound(text, score_out);
}

static bool parse_score_range(struct call *call, struct bytes min, struct bytes max,
                              struct zset_score_range *range_out)
{
    if (parse_score_bound(min, &range_out->min, &range_out->min_excluded) &&
        parse_score_bound(max, &range_out->max, &range_out->max_excluded)) {
        return true;
    }
    reply_error(call->reply, "ERR min or max is not a float");
    return false;
}

static bool parse_lex_bound(struct bytes text, struct zset_lex_bound *bound_out)
{
    if (text.size == 0) {
        return false;
    }
    bound_out->member = bytes_make(text.data + 1, text.size - 1);
    switch (text.data[0]) {
    case '-':
        bound_out->kind = ZSET_LEX_MIN;
        return text.size == 1;
    case '+':
        bound_out->kind = ZSET_LEX_MAX;
        return text.size == 1;
    case '[':
        bound_out->kind = ZSET_LEX_INCLUDED;
        return true;
    case '(':
        bound_out->kind = ZSET_LEX_EXCLUDED;
        return true;
    default:
        return false;
    }
}

static bool parse_lex_range(struct call *call, struct bytes min, struct bytes max,
                            struct zset_lex_range *range_out)
{
    if (parse_lex_bound(min, &range_out->min) && parse_lex_bound(max, &range_out->max)) {
        return true;
    }
    reply_error(call->reply, "ERR min or max not valid string range item");
    return false;
}

void handle_zcount(struct call *call)
{
    struct zset_score_range range;
    const struct zset *zset;
    if (!parse_score_range(call, call->argv[2], call->argv[3], &range) || !find_zset(call, &zset)) {
        return;
    }
    struct zset_ranks ranks = {0};
    if (zset != NULL) {
        ranks = zset_ranks_by_score(zset, &range);
    }
    reply_integer(call->reply, (int64_t)(ranks.end - ranks.begin));
}

// ---- ZRANGE and its kin ----

enum range_kind { RANGE_BY_RANK, RANGE_BY_SCORE, RANGE_BY_LEX };

struct range_query {
    enum range_kind kind;
    bool backwards;
    bool with_scores;
    int64_t offset;
    int64_t limit; // Negative: none.
    union {
        struct {
            int64_t start, stop;
        };
        struct zset_score_range scores;
        struct zset_lex_range members;
    };
};

enum range_option {
    OPTION_WITHSCORES = 1 << 0,
    OPTION_LIMIT = 1 << 1,
    OPTION_REV = 1 << 2,
    OPTION_BYSCORE = 1 << 3,
    OPTION_BYLEX = 1 << 4,
    OPTION_BY = OPTION_BYSCORE | OPTION_BYLEX,
};

static const struct args_option range_options[] = {
    {"WITHSCORES", .flag = OPTION_WITHSCORES},
    {"LIMIT", .flag = OPTION_LIMIT, .values = 2, .are_integers = true},
    {"REV", .flag = OPTION_REV, .excludes = OPTION_REV},
    {"BYSCORE", .flag = OPTION_BYSCORE, .excludes = OPTION_BY},
    {"BYLEX", .flag = OPTION_BYLEX, .excludes = OPTION_BY},
};
enum { RANGE_OPTIONS = 5, RANGE_OPTIONS_FIXED = 2 };

// `is_free` when the command leaves kind and direction to options.
static bool parse_range_options(struct call *call, struct range_query *query, bool is_free)
{
    struct args args = args_from(call, 4);
    struct args_found found;
    if (!args_options(&args, range_options, is_free ? RANGE_OPTIONS : RANGE_OPTIONS_FIXED,
                      &found) ||
        !args_end(&args)) {
        return false;
    }
    query->with_scores = (found.flags & OPTION_WITHSCORES) != 0;
    query->backwards |= (found.flags & OPTION_REV) != 0;
    if ((found.flags & OPTION_BY) != 0) {
        query->kind = (found.flags & OPTION_BYLEX) != 0 ? RANGE_BY_LEX : RANGE_BY_SCORE;
    }
    if ((found.flags & OPTION_LIMIT) != 0) {
        uint32_t at = args_value_at(&found, OPTION_LIMIT);
        (void)number_parse_integer(call->argv[at], &query->offset);
        (void)number_parse_integer(call->argv[at + 1], &query->limit);
    }
    if (query->limit != -1 && query->kind == RANGE_BY_RANK) {
        reply_error(call->reply, "ERR syntax error, LIMIT is only supported in combination with "
                                 "either BYSCORE or BYLEX");
        return false;
    }
    if (query->with_scores && query->kind == RANGE_BY_LEX) {
        reply_error(call->reply,
                    "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

static bool parse_range_bounds(struct call *call, struct range_query *query)
{
    // Backwards, the upper bound of scores and members comes first.
    struct bytes min = call->argv[query->backwards ? 3 : 2];
    struct bytes max = call->argv[query->backwards ? 2 : 3];
    switch (query->kind) {
    case RANGE_BY_RANK:
        return call_integer(call, 2, &query->start) && call_integer(call, 3, &query->stop);
    case RANGE_BY_SCORE:
        return parse_score_range(call, min, max, &query->scores);
    case RANGE_BY_LEX:
        return parse_lex_range(call, min, max, &query->members);
    }
    return false;
}

// Places in the query's direction, negative ones counted from the end.
static struct zset_span span_by_place(const struct range_query *query, size_t count)
{
    int64_t size = (int64_t)count;
    int64_t start = query->start < 0 ? query->start + size : query->start;
    int64_t stop = query->stop < 0 ? query->stop + size : query->stop;
    start = start < 0 ? 0 : start;
    stop = stop >= size ? size - 1 : stop;
    struct zset_span span = {.backwards = query->backwards, .with_scores = query->with_scores};
    if (start <= stop && start < size) {
        span.count = (size_t)(stop - start + 1);
        span.rank = (size_t)(query->backwards ? size - 1 - start : start);
    }
    return span;
}

static struct zset_span span_by_ranks(const struct range_query *query, struct zset_ranks ranks)
{
    struct zset_span span = {.backwards = query->backwards, .with_scores = query->with_scores};
    size_t count = ranks.end - ranks.begin;
    if (query->offset < 0 || (uint64_t)query->offset >= count) {
        return span;
    }
    size_t offset = (size_t)query->offset;
    span.count = count - offset;
    if (query->limit >= 0 && (uint64_t)query->limit < span.count) {
        span.count = (size_t)query->limit;
    }
    span.rank = query->backwards ? ranks.end - 1 - offset : ranks.begin + offset;
    return span;
}

static struct zset_span span_of(const struct range_query *query, const struct zset *zset)
{
    switch (query->kind) {
    case RANGE_BY_SCORE:
        return span_by_ranks(query, zset_ranks_by_score(zset, &query->scores));
    case RANGE_BY_LEX:
        return span_by_ranks(query, zset_ranks_by_lex(zset, &query->members));
    case RANGE_BY_RANK:
        break;
    }
    return span_by_place(query, zset_count(zset));
}

static void answer_range(struct call *call, struct range_query *query, bool is_free)
{
    struct entry *entry;
    if (!parse_range_options(call, query, is_free) || !parse_range_bounds(call, query) ||
        !call_find(call, VALUE_ZSET, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_array(call->reply, 0);
        return;
    }
    struct zset *zset = zset_of_value(entry_value(entry));
    struct zset_span span = span_of(query, zset);
    if (span.count <= CALL_ITEMS_INLINE_MAX) {
        reply_zset_span(call->reply, zset, &span, NULL);
        return;
    }
    defer_zset_span(call, zset, &span);
}

void handle_zrange(struct call *call)
{
    struct range_query query = {.limit = -1};
    answer_range(call, &query, true);
}

void handle_zrangebyscore(struct call *call)
{
    struct range_query query = {.kind = RANGE_BY_SCORE, .limit = -1};
    answer_range(call, &query, false);
}

void handle_zrevrange(struct call *call)
{
    struct range_query query = {.backwards = true, .limit = -1};
    answer_range(call, &query, false);
}
