/* harness.h - a keyspace to send commands to, without a server.
 *
 *   EXPECT(h, "SET k v EX 10", "+OK\r\n");
 *
 * Commands are words between blanks; "double quotes" hold a word with blanks, and \n, \r,
 * \\, \" and \xHH stand for bytes in it. Replies are RESP2. What a command leaves to a
 * background thread is run at once. The clock stands still unless the test moves it.
 *
 * Threads: one.
 */
#pragma once

#include "command/call.h"

#include <stdbool.h>
#include <stddef.h>

enum { HARNESS_NOW_MS = 1000000, HARNESS_WORDS_MAX = 8192, HARNESS_THREADS_MAX = 16 };

struct harness {
    struct keyspace *keyspace;
    struct store_thread *thread;            // Of the worker.
    struct store_thread *background_thread; // Of deferred jobs.
    struct call_context context;            // context.now_ms is the test's.
    struct session session;
    struct waiter waiter;
    void (*before_job)(struct harness *harness); // Called before a deferred job; NULL: not.
    bool woken;                                  // The waiter was woken.
    bool lends;               // The sink borrows long strings, as a server's does.
    bool was_deferred;        // The last command was answered by a background job.
    struct string_sink *sink; // Private.
    struct bytes words[HARNESS_WORDS_MAX];
};

/* A keyspace of few shards, 4 databases; aborts when out of memory. */
struct harness *harness_create(void);
void harness_destroy(struct harness *harness);

/* Run a command given as words; CALL_DONE also for one that was deferred. The reply is
 * lent until the next command. */
enum call_outcome harness_try(struct harness *harness, const struct bytes *argv, uint32_t argc,
                              struct bytes *reply_out);

/* The same for a line, which must not wait; the reply ends in NUL. */
const char *harness_run(struct harness *harness, const char *line);

/* Run a line and check its reply. */
#define EXPECT(harness, line, expected)                                                            \
    ck_assert_msg(strcmp(harness_run(harness, line), expected) == 0, "%s answers %s", line,        \
                  harness_escaped(harness))

/* The last reply with CR and LF made visible. */
const char *harness_escaped(struct harness *harness);

/* Split a line into words, in place; how many. */
uint32_t harness_split(char *line, struct bytes *words, uint32_t words_max);

/* All keys of all databases as SET, ZADD and PEXPIREAT lines in the order of keys:
 * equal texts, equal keyspaces. The caller frees it. */
char *harness_dump(struct harness *harness);
