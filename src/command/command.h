/* command.h - what is known of a command, and the table of all.
 *
 * The rows are written in groups (handlers/string.def, admin/server.def ...). The program puts
 * them together into one table (programs/command_table.c), with slots for lookup that are made
 * at build time, and hands it to whoever executes commands.
 *
 * Threads: constant data; any.
 */
#pragma once

#include "base/bytes.h"

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
};

enum command_group {
    COMMAND_GROUP_STRING,
    COMMAND_GROUP_GENERIC,
    COMMAND_GROUP_ZSET,
    COMMAND_GROUP_CONNECTION,
    COMMAND_GROUP_SERVER,
    COMMAND_GROUPS
};

struct command {
    const char *name;  // Upper case.
    uint32_t argc_min; // Both count the name itself, as argc does.
    uint32_t argc_max; // UINT32_MAX: no limit.
    uint32_t flags;    // enum command_flag
    int32_t key_first; // Position of the first key; 0: no keys.
    int32_t key_last;  // Negative: counted from the end, -1 is the last argument.
    int32_t key_step;
    int32_t member; // Position of a member that is looked up in the sorted set; 0: none. For
    int32_t score;  // prefetching, as that of the score it is given. Negative: as key_last.
    uint32_t index; // Its place in the table, for statistics.
    enum command_group group;
    void (*handler)(struct call *call);
    const char *since;      // Version of FastKV.
    const char *complexity; // "O(1)"
    const char *usage;      // Arguments, "key value [NX | XX]".
    const char *summary;    // One sentence without full stop.
};

struct command_table {
    const struct command *rows; // rows[i].index == i
    uint32_t count;
    unsigned lookup_shift; // See lookup_internal.h.
    uint64_t lookup_multiplier;
    const uint16_t *slots;
    const uint64_t *words;
};

/* Borrow the command with this name, in any case; NULL when there is none. */
const struct command *command_find(const struct command_table *table, struct bytes name);

/* "string", "generic", "sorted-set", "connection", "server". */
const char *command_group_name(enum command_group group);

/* Keys that a call with `argc` arguments has; argc is within the arity. */
uint32_t command_key_count(const struct command *command, uint32_t argc);
