#include "programs/command_table.h"

#include "admin/admin.h"
#include "command/rows.h"
#include "handlers/handlers.h"
#include "programs/command_slots.h" // Made by tools/commands.c.

#include <assert.h>

enum {
#define COMMAND(name, ...) INDEX_##name,
#include "programs/commands.def"
#undef COMMAND
    COMMANDS
};

static const struct command commands[COMMANDS] = {
// clang-format off: NOLINTBEGIN(bugprone-macro-parentheses)
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
#include "programs/commands.def"
#undef COMMAND
    // clang-format on: NOLINTEND(bugprone-macro-parentheses)
};

static_assert(sizeof(command_words) / sizeof(command_words[0]) == COMMANDS,
              "command_slots.h is made from the same rows");

const struct command_table command_table = {
    .rows = commands,
    .count = COMMANDS,
    .lookup_shift = 64 - COMMAND_SLOT_BITS,
    .lookup_multiplier = COMMAND_MULTIPLIER,
    .slots = command_slots,
    .words = command_words,
};
