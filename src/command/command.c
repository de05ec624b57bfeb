#include "command/command.h"

#include "base/error.h"
#include "command/lookup_internal.h"

const struct command *command_find(const struct command_table *table, struct bytes name)
{
    // Words are padded with NULs: a name that ends in one would pass for the name before it.
    if (UNLIKELY(name.size == 0 || name.data[name.size - 1] == '\0')) {
        return NULL;
    }
    uint64_t word = lookup_word(name);
    size_t slot = word * table->lookup_multiplier >> table->lookup_shift;
    for (;;) {
        size_t place = table->slots[slot];
        if (place == 0) {
            return NULL;
        }
        if (LIKELY(table->words[place - 1] == word)) {
            const struct command *command = &table->rows[place - 1];
            if (LIKELY(name.size <= LOOKUP_WHOLE_MAX) || bytes_is_word(name, command->name)) {
                return command;
            }
        }
        slot = (slot + 1) & (UINT64_MAX >> table->lookup_shift);
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
