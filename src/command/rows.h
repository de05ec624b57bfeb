/* rows.h - the words in which groups of commands (*.def) are written, and what they become.
 *
 *   COMMAND(name, arity, does, keys, since, complexity, usage, summary)
 *   CONTAINER(name, since, summary)
 *   SUBCOMMAND(container, name, arity, does, keys, since, complexity, usage, summary)
 *
 * Names are in lower case; the handler of `get` is handle_get, that of `config get`
 * handle_config_get. Subcommands stand behind their container, whose HELP is made from them.
 * Everything that is known of commands comes from the rows: lookup, errors of arity, locks,
 * prefetching, ACL categories, statistics, COMMAND, HELP and docs/commands.md.
 *
 *   arity    EXACTLY(n), AT_LEAST(n), BETWEEN(low, high): counts all words of the name.
 *   does     READ, WRITE, MEMORY, FAST ... joined by |, or 0: enum command_flag says more.
 *   keys     NO_KEYS, or KEYS(...) of up to KEY_SPECS_MAX of:
 *              LOOKUP(at)                          one key, whose value is answered
 *              OVERWRITE(at)                       one key, whatever was there
 *              KEY(at, access)                     one key
 *              RANGE(first, last, step, access)    last: -1 is the last argument
 *              COUNTED(at, kind, access)           the count at `at`, the keys behind it
 *              COUNTED_PAIRS(at, access)           the same, each key followed by a value
 *              BEHIND(word, from, part, access)    the first part-th of what is behind a word,
 *              KEY_BEHIND(word, from, access)      or one key; the word is looked for from `from`
 *                                                  on, or backwards from so far before the end
 *            where access is RO, RW, OW or RM, with ACCESS, UPDATE, INSERT, DELETE, VARIABLE
 *            (enum key_access). Then, for prefetching, ELEMENT(at): which argument names an
 *            element of the first key's value; SCORE(at): the score it is given. -1 is the last.
 *   usage    The arguments: [optional], <one | of | these>, WORD for itself, name for a value,
 *            "x [x ...]" for one or more. COMMAND DOCS and the hints of redis-cli come from it.
 *   summary  One sentence without full stop.
 *
 * Included where rows become structs: the words are short and would be in the way elsewhere.
 * Whoever includes it says what ROW_AT(index) is, the address of a row, ROW_HANDLER(function),
 * and ROW_DERIVED(name): fields that are made at build time.
 *
 * Threads: constant data.
 */
#pragma once

#include "command/command.h"

// Each fills several fields of a struct command: NOLINTBEGIN(bugprone-macro-parentheses)
#define EXACTLY(n)         n, .argc_max = n
#define AT_LEAST(n)        n, .argc_max = UINT32_MAX
#define BETWEEN(low, high) low, .argc_max = high

#define NO_KEYS
#define KEYS(...)                                                                                  \
    .key_specs = {__VA_ARGS__},                                                                    \
    .spec_count = sizeof((struct key_spec[]){__VA_ARGS__}) / sizeof(struct key_spec),
#define ELEMENT(at) .element = at,
#define SCORE(at)   .element_with = at,

#define RANGE(first, last_, step_, access_)                                                        \
    {                                                                                              \
        .from = first, .last = (last_), .step = step_, .access = (access_)                         \
    }
#define KEY(at, access) RANGE(at, 0, 1, access)
#define LOOKUP(at)      KEY(at, RO | ACCESS)
#define OVERWRITE(at)   KEY(at, OW | UPDATE)
#define COUNTED(at, kind, access_)                                                                 \
    {                                                                                              \
        .from = at, .kind = KEYS_COUNTED, .count_kind = kind, .step = 1, .access = (access_)       \
    }
#define COUNTED_PAIRS(at, access_)                                                                 \
    {                                                                                              \
        .from = at, .kind = KEYS_COUNTED, .count_kind = KEY_COUNT_OF_PAIRS, .step = 2,             \
        .access = (access_)                                                                        \
    }
#define BEHIND(word, from_, part_, access_)                                                        \
    {                                                                                              \
        .kind = KEYS_BEHIND, .keyword = word, .from = (from_), .last = -1, .step = 1,              \
        .part = part_, .access = (access_)                                                         \
    }

#define KEY_BEHIND(word, from_, access_)                                                           \
    {                                                                                              \
        .kind = KEYS_BEHIND, .keyword = word, .from = (from_), .step = 1, .access = (access_)      \
    }

#define ROW_COMMAND(name_, arity_, does_, keys_, since_, complexity_, usage_, summary_)            \
    {                                                                                              \
        .name = #name_,                                                                            \
        .word = #name_,                                                                            \
        .argc_min = arity_,                                                                        \
        .flags = (does_),                                                                          \
        keys_.handler = ROW_HANDLER(handle_##name_),                                               \
        .group = GROUP,                                                                            \
        .since = (since_),                                                                         \
        .complexity = (complexity_),                                                               \
        .usage = (usage_),                                                                         \
        .summary = (summary_),                                                                     \
        .index = INDEX_##name_,                                                                    \
        ROW_DERIVED(name_),                                                                        \
    },

#define ROW_SUBCOMMAND(container_, name_, arity_, does_, keys_, since_, complexity_, usage_,       \
                       summary_)                                                                   \
    {                                                                                              \
        .name = #container_ "|" #name_,                                                            \
        .word = #name_,                                                                            \
        .container = ROW_AT(INDEX_##container_),                                                   \
        .argc_min = arity_,                                                                        \
        .flags = (does_),                                                                          \
        keys_.handler = ROW_HANDLER(handle_##container_##_##name_),                                \
        .group = GROUP,                                                                            \
        .since = (since_),                                                                         \
        .complexity = (complexity_),                                                               \
        .usage = (usage_),                                                                         \
        .summary = (summary_),                                                                     \
        .index = INDEX_##container_##_##name_,                                                     \
        ROW_DERIVED(container_##_##name_),                                                         \
    },

#define ROW_CONTAINER(name_, since_, summary_)                                                     \
    {                                                                                              \
        .name = #name_,                                                                            \
        .word = #name_,                                                                            \
        .argc_min = 2,                                                                             \
        .group = GROUP,                                                                            \
        .since = (since_),                                                                         \
        .complexity = "depends on the subcommand",                                                 \
        .usage = "",                                                                               \
        .summary = (summary_),                                                                     \
        .index = INDEX_##name_,                                                                    \
        ROW_DERIVED(name_),                                                                        \
    },                                                                                             \
        {                                                                                          \
            .name = #name_ "|help",                                                                \
            .word = "help",                                                                        \
            .container = ROW_AT(INDEX_##name_),                                                    \
            .argc_min = 2,                                                                         \
            .argc_max = 2,                                                                         \
            .flags = LOADING | STALE,                                                              \
            .handler = ROW_HANDLER(handle_container_help),                                         \
            .group = GROUP,                                                                        \
            .since = (since_),                                                                     \
            .complexity = "O(1)",                                                                  \
            .usage = "",                                                                           \
            .summary = "Print this help",                                                          \
            .index = INDEX_##name_##_help,                                                         \
            ROW_DERIVED(name_##_help),                                                             \
        },
// NOLINTEND(bugprone-macro-parentheses)

/* The places of the rows. */
#define ROW_INDEX(name, ...)                       INDEX_##name,
#define ROW_INDEX_CONTAINER(name, ...)             INDEX_##name, INDEX_##name##_help,
#define ROW_INDEX_SUBCOMMAND(container, name, ...) INDEX_##container##_##name,

enum {
    READ = COMMAND_READS,
    WRITE = COMMAND_WRITES,
    MEMORY = COMMAND_NEEDS_MEMORY,
    FLUSHES = COMMAND_FLUSHES,
    FAST = COMMAND_FAST,
    LOCKS_ITSELF = COMMAND_LOCKS_ITSELF,
    EDITS = COMMAND_EDITS,
    ADMIN = COMMAND_ADMIN,
    DANGEROUS = COMMAND_DANGEROUS,
    LONG = COMMAND_LONG,
    PUBSUB = COMMAND_PUBSUB,
    NO_SCRIPT = COMMAND_NO_SCRIPT,
    LOADING = COMMAND_LOADING,
    STALE = COMMAND_STALE,
    BLOCKING = COMMAND_BLOCKING,
    NO_AUTH = COMMAND_NO_AUTH,
    NO_MULTI = COMMAND_NO_MULTI,
    UNQUEUED = COMMAND_UNQUEUED,
    ALONE = COMMAND_ALONE,
    STAGES = COMMAND_STAGES,

    RO = KEY_RO,
    RW = KEY_RW,
    OW = KEY_OW,
    RM = KEY_RM,
    ACCESS = KEY_ACCESS,
    UPDATE = KEY_UPDATE,
    INSERT = KEY_INSERT,
    DELETE = KEY_DELETE,
    VARIABLE = KEY_VARIABLE,
    INCOMPLETE = KEY_INCOMPLETE,
    OF_SETS = KEY_COUNT_OF_SETS,
    OF_CARDS = KEY_COUNT_OF_CARDS,
    OF_POPS = KEY_COUNT_OF_POPS,
    OF_SCRIPTS = KEY_COUNT_OF_SCRIPTS,
};
