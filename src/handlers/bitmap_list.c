/* BITRANGEINTARRAY: where the ones, or zeros, of a range are. */
#include "base/bits.h"
#include "handlers/bitmap_internal.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

enum { PLACES_PER_REST = 4096 };

struct bit_list {
    uint64_t first;
    uint64_t last;
    uint64_t count; // Of the places to be answered: there are so many.
    bool bit;
};

// Answer the places; in the background (`pool`, else NULL) let others run now and then.
static void reply_list(struct reply *reply, struct bytes string, const struct bit_list *list,
                       struct pool *pool)
{
    uint64_t next = list->first;
    reply_array(reply, list->count);
    for (uint64_t i = 1; i <= list->count; i++) {
        uint64_t place;
        bool found = bits_find(string, next, list->last, list->bit, &place);
        ASSERT(found);
        reply_integer(reply, (int64_t)place);
        next = place + 1;
        if (pool != NULL && i % PLACES_PER_REST == 0) {
            pool_quiesce(pool);
            pool_rest(pool, PLACES_PER_REST);
        }
    }
}

struct list_job {
    struct bit_list list;
    struct kept_string string;
    char room[];
};

static void run_job(struct deferred *deferred, void *state)
{
    struct list_job *job = state;
    struct store_thread *thread = deferred->access.thread;
    reply_list(deferred->reply, job->string.bytes, &job->list, thread->pool);
    string_let_go(thread, &job->string);
}

static void defer(struct call *call, const struct entry *entry, struct bytes string,
                  const struct bit_list *list)
{
    struct list_job *job =
        call_defer(call, run_job, sizeof(struct list_job) + string_room(entry, string));
    if (job != NULL) {
        job->list = *list;
        string_keep(call, entry, string, job->room, &job->string);
    }
}

// False: a mistake (answered).
static bool read_options(struct args *args, int64_t *limit_out, bool *zeros_out)
{
    enum { LIMIT = 1, ZEROS = 2 };
    static const struct args_option table[] = {
        {"LIMIT", .flag = LIMIT, .excludes = LIMIT, .values = 1, .are_integers = true},
        {"ZEROS", .flag = ZEROS, .excludes = ZEROS},
    };
    struct args_found found;
    *limit_out = INT64_MAX;
    if (!args_options(args, table, sizeof(table) / sizeof(table[0]), &found) || !args_end(args) ||
        ((found.flags & LIMIT) != 0 &&
         !call_integer(args->call, args_value_at(&found, LIMIT), limit_out))) {
        return false;
    }
    if (*limit_out < 0) {
        reply_error(args->call->reply, "ERR LIMIT can't be negative");
        return false;
    }
    *zeros_out = (found.flags & ZEROS) != 0;
    return true;
}

void handle_bitrangeintarray(struct call *call)
{
    struct args args = args_from(call, 2);
    struct bit_range range;
    int64_t limit;
    bool zeros;
    struct entry *entry;
    if (!bit_range_read(&args, &range) || !read_options(&args, &limit, &zeros) ||
        !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    struct bit_list list = {.bit = !zeros};
    if (string_range_is_backwards(range.start, range.end) ||
        !bit_range_find(&range, string, &list.first, &list.last)) {
        reply_array(call->reply, 0);
        return;
    }
    uint64_t bits = list.last - list.first + 1;
    if (bits / 8 > STRING_INLINE_MAX && call_moves(call)) {
        return;
    }
    uint64_t ones = bits_count(string, list.first, list.last);
    list.count = zeros ? bits - ones : ones;
    list.count = list.count < (uint64_t)limit ? list.count : (uint64_t)limit;
    if (list.count > CALL_ITEMS_INLINE_MAX && !call->is_in_background) {
        defer(call, entry, string, &list);
    } else {
        reply_list(call->reply, string, &list, NULL);
    }
}
