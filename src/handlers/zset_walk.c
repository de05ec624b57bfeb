#include "handlers/zset_walk_internal.h"

enum { ITEMS_PER_QUIESCENCE = 1024 };

// After the i-th item, in the background: let others reclaim memory, and run.
static void pause_at(struct pool *pool, size_t i)
{
    if (pool != NULL && i % ITEMS_PER_QUIESCENCE == 0) {
        pool_quiesce(pool);
        pool_rest(pool, ITEMS_PER_QUIESCENCE);
    }
}

void reply_zset_span(struct reply *reply, const struct zset *zset, const struct zset_span *span,
                     struct pool *pool)
{
    if (span->with_scores) {
        reply_pairs(reply, span->count);
    } else {
        reply_array(reply, span->count);
    }
    if (span->count == 0) {
        return;
    }
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_begin(&walk, zset, span->rank, span->count, span->backwards);
    if (span->with_scores) {
        for (size_t i = 1; zset_walk_next(&walk, &item); i++) {
            reply_member(reply, item.member, item.score);
            pause_at(pool, i);
        }
        return;
    }
    for (size_t i = 1; zset_walk_next(&walk, &item); i++) {
        reply_value(reply, item.member);
        pause_at(pool, i);
    }
}

void reply_zset_item(struct reply *reply, const struct zset *zset, size_t rank)
{
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_begin(&walk, zset, rank, 1, false);
    if (zset_walk_next(&walk, &item)) {
        reply_array(reply, 2);
        reply_value(reply, item.member);
        reply_double(reply, item.score);
    }
}

struct span_job {
    struct zset *zset; // Held.
    struct zset_span span;
};

static void run_span_job(struct deferred *deferred, void *state)
{
    struct span_job *job = state;
    struct store_thread *thread = deferred->access.thread;
    reply_zset_span(deferred->reply, job->zset, &job->span, thread->pool);
    keyspace_drop(thread, zset_value(job->zset));
}

bool defer_zset_span(struct call *call, struct zset *zset, const struct zset_span *span)
{
    if (!keyspace_may_walk(call->access.keyspace, zset_value(zset)) && call_moves(call)) {
        return false; // A background thread lets those go first who wait to change the set.
    }
    struct span_job *job = call_defer(call, run_span_job, sizeof(*job));
    if (job == NULL) {
        return false;
    }
    keyspace_hold(call->access.thread, zset_value(zset));
    job->zset = zset;
    job->span = *span;
    call->job_is_short = true;
    return true;
}
