#include "command/command.h"

#include "base/error.h"
#include "command/lookup_internal.h"

#include <string.h>

// Words are padded with NULs: a name that ends in one would pass for the name before it.
static inline bool cannot_be_name(struct bytes name)
{
    return name.size == 0 || name.data[name.size - 1] == '\0';
}

const struct command *command_find(const struct command_table *table, struct bytes name)
{
    if (UNLIKELY(cannot_be_name(name))) {
        return NULL;
    }
    uint64_t word = lookup_word(name);
    size_t slot = word * table->lookup_multiplier >> table->lookup_shift;
    for (;;) {
        size_t place = table->slots[slot];
        if (place == 0) {
            return NULL;
        }
        // A subcommand's word is never that of a name of its own (lookup_internal.h).
        if (LIKELY(table->words[place - 1] == word)) {
            const struct command *command = &table->rows[place - 1];
            if (LIKELY(name.size <= LOOKUP_WHOLE_MAX) || bytes_is_lower_word(name, command->word)) {
                return command;
            }
        }
        slot = (slot + 1) & (UINT64_MAX >> table->lookup_shift);
    }
}

const struct command *command_find_subcommand(const struct command_table *table,
                                              const struct command *container, struct bytes name)
{
    if (cannot_be_name(name)) {
        return NULL;
    }
    uint64_t word = lookup_subword(lookup_word(name), container->index);
    size_t slot = word * table->lookup_multiplier >> table->lookup_shift;
    for (;; slot = (slot + 1) & (UINT64_MAX >> table->lookup_shift)) {
        size_t place = table->slots[slot];
        if (place == 0) {
            return NULL;
        }
        const struct command *command = &table->rows[place - 1];
        if (table->words[place - 1] == word && command->container == container &&
            bytes_is_lower_word(name, command->word)) {
            return command;
        }
    }
}

const struct command *command_find_words(const struct command_table *table,
                                         const struct bytes *argv, uint32_t argc)
{
    const struct command *command = argc == 0 ? NULL : command_find(table, argv[0]);
    if (command == NULL || !command_is_container(command) || argc == 1) {
        return command;
    }
    return command_find_subcommand(table, command, argv[1]);
}

const struct command *command_find_full(const struct command_table *table, struct bytes name)
{
    const char *bar = name.size == 0 ? NULL : memchr(name.data, '|', name.size);
    if (bar == NULL) {
        return command_find(table, name);
    }
    size_t size = (size_t)(bar - name.data);
    const struct command *container = command_find(table, bytes_make(name.data, size));
    if (container == NULL || !command_is_container(container)) {
        return NULL;
    }
    return command_find_subcommand(table, container, bytes_make(bar + 1, name.size - size - 1));
}

const char *command_group_name(enum command_group group)
{
    static const char *const names[COMMAND_GROUPS] = {
        [COMMAND_GROUP_STRING] = "string",
        [COMMAND_GROUP_HASH] = "hash",
        [COMMAND_GROUP_LIST] = "list",
        [COMMAND_GROUP_SET] = "set",
        [COMMAND_GROUP_ZSET] = "sorted-set",
        [COMMAND_GROUP_STREAM] = "stream",
        [COMMAND_GROUP_BITMAP] = "bitmap",
        [COMMAND_GROUP_HYPERLOGLOG] = "hyperloglog",
        [COMMAND_GROUP_GEO] = "geo",
        [COMMAND_GROUP_GENERIC] = "generic",
        [COMMAND_GROUP_PUBSUB] = "pubsub",
        [COMMAND_GROUP_TRANSACTIONS] = "transactions",
        [COMMAND_GROUP_SCRIPTING] = "scripting",
        [COMMAND_GROUP_CONNECTION] = "connection",
        [COMMAND_GROUP_SERVER] = "server",
    };
    return names[group];
}
