#include "command/category.h"

static const char *const names[CATEGORIES] = {
    [CATEGORY_KEYSPACE] = "keyspace",
    [CATEGORY_READ] = "read",
    [CATEGORY_WRITE] = "write",
    [CATEGORY_SET] = "set",
    [CATEGORY_SORTEDSET] = "sortedset",
    [CATEGORY_LIST] = "list",
    [CATEGORY_HASH] = "hash",
    [CATEGORY_STRING] = "string",
    [CATEGORY_BITMAP] = "bitmap",
    [CATEGORY_HYPERLOGLOG] = "hyperloglog",
    [CATEGORY_GEO] = "geo",
    [CATEGORY_STREAM] = "stream",
    [CATEGORY_PUBSUB] = "pubsub",
    [CATEGORY_ADMIN] = "admin",
    [CATEGORY_FAST] = "fast",
    [CATEGORY_SLOW] = "slow",
    [CATEGORY_BLOCKING] = "blocking",
    [CATEGORY_DANGEROUS] = "dangerous",
    [CATEGORY_CONNECTION] = "connection",
    [CATEGORY_TRANSACTION] = "transaction",
    [CATEGORY_SCRIPTING] = "scripting",
};

static uint32_t category_of_group(enum command_group group)
{
    static const uint32_t categories[COMMAND_GROUPS] = {
        [COMMAND_GROUP_STRING] = 1U << CATEGORY_STRING,
        [COMMAND_GROUP_HASH] = 1U << CATEGORY_HASH,
        [COMMAND_GROUP_LIST] = 1U << CATEGORY_LIST,
        [COMMAND_GROUP_SET] = 1U << CATEGORY_SET,
        [COMMAND_GROUP_ZSET] = 1U << CATEGORY_SORTEDSET,
        [COMMAND_GROUP_STREAM] = 1U << CATEGORY_STREAM,
        [COMMAND_GROUP_BITMAP] = 1U << CATEGORY_BITMAP,
        [COMMAND_GROUP_HYPERLOGLOG] = 1U << CATEGORY_HYPERLOGLOG,
        [COMMAND_GROUP_GEO] = 1U << CATEGORY_GEO,
        [COMMAND_GROUP_GENERIC] = 1U << CATEGORY_KEYSPACE,
        [COMMAND_GROUP_PUBSUB] = 1U << CATEGORY_PUBSUB,
        [COMMAND_GROUP_TRANSACTIONS] = 1U << CATEGORY_TRANSACTION,
        [COMMAND_GROUP_SCRIPTING] = 1U << CATEGORY_SCRIPTING,
        [COMMAND_GROUP_CONNECTION] = 1U << CATEGORY_CONNECTION,
    };
    return categories[group];
}

uint32_t command_categories(const struct command *command)
{
    static const struct {
        enum command_flag flag;
        uint32_t categories;
    } rules[] = {
        {COMMAND_READS, 1U << CATEGORY_READ},
        {COMMAND_WRITES, 1U << CATEGORY_WRITE},
        {COMMAND_ADMIN, 1U << CATEGORY_ADMIN | 1U << CATEGORY_DANGEROUS},
        {COMMAND_DANGEROUS, 1U << CATEGORY_DANGEROUS},
        {COMMAND_PUBSUB, 1U << CATEGORY_PUBSUB},
        {COMMAND_FAST, 1U << CATEGORY_FAST},
        {COMMAND_BLOCKING, 1U << CATEGORY_BLOCKING},
    };
    uint32_t categories = category_of_group(command->group);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if ((command->flags & rules[i].flag) != 0) {
            categories |= rules[i].categories;
        }
    }
    return (command->flags & COMMAND_FAST) != 0 ? categories : categories | 1U << CATEGORY_SLOW;
}

const char *category_name(enum command_category category)
{
    return names[category];
}

bool category_parse(struct bytes name, enum command_category *category_out)
{
    for (int i = 0; i < CATEGORIES; i++) {
        if (bytes_is_lower_word(name, names[i])) {
            *category_out = (enum command_category)i;
            return true;
        }
    }
    return false;
}
