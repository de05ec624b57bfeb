/* command.h - what is known of a command, and the table of all.
 *
 * The rows are written in groups (handlers/string.def, admin/config.def ...; rows.h says how).
 * The program puts them together into one table (programs/command_table.c), with slots for
 * lookup that are made at build time, and hands it to whoever executes commands.
 *
 *   config         a container: never runs; its subcommands are the rows behind it
 *   config|help    made for every container, from the rows
 *   config|get     a command like any other, whose name is two words
 *
 * Threads: constant data; any.
 */
#pragma once

#include "base/bytes.h"
#include "command/argument.h"
#include "command/key_spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

enum command_flag {
    COMMAND_READS = 1 << 0,        // Looks at keys.
    COMMAND_WRITES = 1 << 1,       // May change keys.
    COMMAND_NEEDS_MEMORY = 1 << 2, // May take more memory.
    COMMAND_FAST = 1 << 3,         // O(1) or O(log n).
    COMMAND_LOCKS_ITSELF = 1 << 4, // Walks the keyspace; dispatch locks nothing.
    COMMAND_EDITS = 1 << 5,        // Changes values in place: waits while they are walked.
    COMMAND_ADMIN = 1 << 6,        // Changes or shows what belongs to the administrator.
    COMMAND_DANGEROUS = 1 << 7,    // May hurt others: slow on much data, deletes everything ...
    COMMAND_LONG = 1 << 8,         // May be left to a background thread.
    COMMAND_PUBSUB = 1 << 9,       // About channels.
    COMMAND_NO_SCRIPT = 1 << 10,   // Not from scripts.
    COMMAND_LOADING = 1 << 11,     // Also while data is loaded.
    COMMAND_STALE = 1 << 12,       // Also on a replica without its primary.
    COMMAND_BLOCKING = 1 << 13,    // May wait for others' commands.
    COMMAND_NO_AUTH = 1 << 14,     // Also before the client has authenticated.
    COMMAND_NO_MULTI = 1 << 15,    // Not between MULTI and EXEC.
    COMMAND_UNQUEUED = 1 << 16,    // Between MULTI and EXEC, executed at once: EXEC itself ...
    COMMAND_ALONE = 1 << 17,       // The subcommand that its container means without one.
    COMMAND_STAGES = 1 << 19,      // In the background, locks its shards itself (call_lock).
    COMMAND_FLUSHES = 1 << 18,     // Empties databases: waits until what was there is freed.
};

enum command_group {
    COMMAND_GROUP_STRING,
    COMMAND_GROUP_HASH,
    COMMAND_GROUP_LIST,
    COMMAND_GROUP_SET,
    COMMAND_GROUP_ZSET,
    COMMAND_GROUP_STREAM,
    COMMAND_GROUP_BITMAP,
    COMMAND_GROUP_HYPERLOGLOG,
    COMMAND_GROUP_GEO,
    COMMAND_GROUP_GENERIC,
    COMMAND_GROUP_PUBSUB,
    COMMAND_GROUP_TRANSACTIONS,
    COMMAND_GROUP_SCRIPTING,
    COMMAND_GROUP_CONNECTION,
    COMMAND_GROUP_SERVER,
    COMMAND_GROUPS
};

struct command {
    void (*handler)(struct call *call); // NULL: a container.
    uint32_t argc_min;                  // Both count all words of the name, as argc does.
    uint32_t argc_max;                  // UINT32_MAX: no limit. 0: a container, look further.
    uint32_t flags;                     // enum command_flag
    uint16_t index;                     // Its place in the table, for statistics.
    uint16_t key_at;                    // Position of its only key; 0: none, or what the specs say.
    uint16_t spec_count;                // Of key_specs.
    uint16_t subcommands; // Containers: how many rows behind this one are its subcommands.
    int16_t element;      // Position of an element that is looked up in the value; 0: none. For
    int16_t element_with; // prefetching, as that of what it is given. Negative: from the end.
    const char *name;     // Lower case; "config|get".
    const char *word;     // The last word of it, "get".
    const struct command *container; // NULL: it is no subcommand.
    struct key_spec key_specs[KEY_SPECS_MAX];
    enum command_group group;
    uint32_t argument_count;                  // Of arguments; their children not counted.
    const char *since;                        // Version of FastKV.
    const char *complexity;                   // "O(1)"
    const char *usage;                        // Arguments, "key value [NX | XX]".
    const char *summary;                      // One sentence without full stop.
    const struct command_argument *arguments; // What the usage says; NULL: none.
};

struct command_table {
    const struct command *rows; // rows[i].index == i
    uint32_t count;             // With subcommands.
    uint32_t top_count;         // Without.
    unsigned lookup_shift;      // See lookup_internal.h.
    uint64_t lookup_multiplier;
    const uint16_t *slots;
    const uint64_t *words;
};

/* Borrow the command with this name, in any case; NULL when there is none. Finds containers,
 * not subcommands. */
const struct command *command_find(const struct command_table *table, struct bytes name);

/* The same for a container's subcommand. */
const struct command *command_find_subcommand(const struct command_table *table,
                                              const struct command *container, struct bytes name);

/* Borrow the command or subcommand that `argv` begins with, as far as its words go: a container
 * when its second word is missing. NULL when there is none. */
const struct command *command_find_words(const struct command_table *table,
                                         const struct bytes *argv, uint32_t argc);

/* Borrow the command whose full name this is, "get" or "config|get", in any case. */
const struct command *command_find_full(const struct command_table *table, struct bytes name);

/* "string", "generic", "sorted-set", as COMMAND DOCS names them. */
const char *command_group_name(enum command_group group);

static inline bool command_is_container(const struct command *command)
{
    return command->handler == NULL;
}
