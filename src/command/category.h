/* category.h - ACL categories of commands, which follow from their flags and group.
 *
 * Threads: constant data and pure functions.
 */
#pragma once

#include "base/error.h"
#include "command/command.h"

/* In Redis's order. */
enum command_category {
    CATEGORY_KEYSPACE,
    CATEGORY_READ,
    CATEGORY_WRITE,
    CATEGORY_SET,
    CATEGORY_SORTEDSET,
    CATEGORY_LIST,
    CATEGORY_HASH,
    CATEGORY_STRING,
    CATEGORY_BITMAP,
    CATEGORY_HYPERLOGLOG,
    CATEGORY_GEO,
    CATEGORY_STREAM,
    CATEGORY_PUBSUB,
    CATEGORY_ADMIN,
    CATEGORY_FAST,
    CATEGORY_SLOW,
    CATEGORY_BLOCKING,
    CATEGORY_DANGEROUS,
    CATEGORY_CONNECTION,
    CATEGORY_TRANSACTION,
    CATEGORY_SCRIPTING,
    CATEGORIES
};

/* The set of categories that a command is in: 1 << enum command_category, each. */
uint32_t command_categories(const struct command *command);

/* "keyspace", as after the @ of ACL rules. */
const char *category_name(enum command_category category);

/* Find a category by its name without the @, in any case. False when there is none. */
NODISCARD bool category_parse(struct bytes name, enum command_category *category_out);
