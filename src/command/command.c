#include "command/command.h"

#include "base/error.h"
#include "command/handlers_internal.h"
#include "command/lookup_internal.h"
#include "command/lookup_slots.h" // Made by tools/commands.c.

#include <assert.h>

// Each fills several fields of a struct command: NOLINTBEGIN(bugprone-macro-parentheses)
#define EXACTLY(n)              n, .argc_max = n
#define AT_LEAST(n)             n, .argc_max = UINT32_MAX
#define BETWEEN(low, high)      low, .argc_max = high
#define NO_KEYS                 0
#define KEYS(first, last, step) first, .key_last = last, .key_step = step
#define KEY_MEMBER(at)          1, .key_last = 1, .key_step = 1, .member = at
#define KEY_SCORE_MEMBER        KEY_MEMBER(-1), .score = -2

enum {
    READS = COMMAND_READS,
    WRITES = COMMAND_WRITES,
    NEEDS_MEMORY = COMMAND_NEEDS_MEMORY,
    FAST = COMMAND_FAST,
    LOCKS_ITSELF = COMMAND_LOCKS_ITSELF,
};

enum {
#define COMMAND(name, ...) INDEX_##name,
#include "command/commands.def"
#undef COMMAND
    COMMANDS
};

static const struct command commands[COMMANDS] = {
#define COMMAND(name_, arity_, flags_, keys_, handler_, group_, since_, complexity_, usage_,       \
                summary_)                                                                          \
    {                                                                                              \
        .name = #name_,                                                                            \
        .argc_min = arity_,                                                                        \
        .flags = (flags_),                                                                         \
        .key_first = keys_,                                                                        \
        .handler = (handler_),                                                                     \
        .group = COMMAND_GROUP_##group_,                                                           \
        .since = (since_),                                                                         \
        .complexity = (complexity_),                                                               \
        .usage = (usage_),                                                                         \
        .summary = (summary_),                                                                     \
        .index = INDEX_##name_,                                                                    \
    },
#include "command/commands.def"
#undef COMMAND
};
// NOLINTEND(bugprone-macro-parentheses)

static_assert(sizeof(lookup_words) / sizeof(lookup_words[0]) == COMMANDS,
              "lookup_slots.h is made from the same commands.def");

size_t command_count(void)
{
    return COMMANDS;
}

const struct command *command_at(size_t index)
{
    ASSERT(index < COMMANDS);
    return &commands[index];
}

const struct command *command_find(struct bytes name)
{
    // Words are padded with NULs: a name that ends in one would pass for the name before it.
    if (UNLIKELY(name.size == 0 || name.data[name.size - 1] == '\0')) {
        return NULL;
    }
    uint64_t word = lookup_word(name);
    size_t slot = word * LOOKUP_MULTIPLIER >> (64 - LOOKUP_BITS);
    for (;;) {
        size_t place = lookup_slots[slot];
        if (place == 0) {
            return NULL;
        }
        if (LIKELY(lookup_words[place - 1] == word)) {
            const struct command *command = &commands[place - 1];
            if (LIKELY(name.size <= LOOKUP_WHOLE_MAX) || bytes_is_word(name, command->name)) {
                return command;
            }
        }
        slot = (slot + 1) & ((1U << LOOKUP_BITS) - 1);
    }
}

const char *command_group_name(enum command_group group)
{
    static const char *const names[COMMAND_GROUPS] = {
        [COMMAND_GROUP_STRING] = "string",   [COMMAND_GROUP_GENERIC] = "generic",
        [COMMAND_GROUP_ZSET] = "sorted-set", [COMMAND_GROUP_CONNECTION] = "connection",
        [COMMAND_GROUP_SERVER] = "server",
    };
    return names[group];
}

uint32_t command_key_count(const struct command *command, uint32_t argc)
{
    if (command->key_first == 0) {
        return 0;
    }
    int64_t last = command->key_last < 0 ? (int64_t)argc + command->key_last : command->key_last;
    return (uint32_t)((last - command->key_first) / command->key_step + 1);
}
