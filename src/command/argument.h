/* argument.h - the arguments of a command as COMMAND DOCS describes them.
 *
 * Made at build time from the usage of the rows (tools/command_usage.c). A description is flat:
 * behind an argument stand its children, each with its own behind it.
 *
 *   key [EX seconds | KEEPTTL]      key
 *                                   oneof, optional, 2 children
 *                                     seconds, token EX
 *                                     pure token KEEPTTL
 *
 * Threads: constant data.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum argument_type {
    ARGUMENT_STRING,
    ARGUMENT_INTEGER,
    ARGUMENT_DOUBLE,
    ARGUMENT_KEY,
    ARGUMENT_PATTERN,
    ARGUMENT_UNIX_TIME,
    ARGUMENT_TOKEN, // Nothing but its token.
    ARGUMENT_ONEOF, // One of its children.
    ARGUMENT_BLOCK, // All of its children, one behind the other.
    ARGUMENT_TYPES
};

struct command_argument {
    const char *name;
    const char *token; // The word before it; NULL: none.
    enum argument_type type;
    bool is_optional;
    bool is_multiple;
    uint8_t children;
    int8_t key_spec; // ARGUMENT_KEY: which spec finds it; else -1.
};
