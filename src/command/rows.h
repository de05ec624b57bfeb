/* rows.h - the words in which groups of commands (*.def) are written.
 *
 *   COMMAND(NAME, arity, flags, keys, handler, GROUP, since, complexity, usage, summary)
 *
 * Arity counts the name. KEYS(first, last, step) says which arguments are keys; KEY_MEMBER(at)
 * that the first is one, and where an element of its value is named; KEY_SCORE_MEMBER that this
 * is the last argument, behind the score to give it. Usage gives COMMAND DOCS its arguments.
 *
 * Included where rows become structs: the words are short and would be in the way elsewhere.
 *
 * Threads: constant data.
 */
#pragma once

#include "command/command.h"

// Each fills several fields of a struct command: NOLINTBEGIN(bugprone-macro-parentheses)
#define EXACTLY(n)              n, .argc_max = n
#define AT_LEAST(n)             n, .argc_max = UINT32_MAX
#define BETWEEN(low, high)      low, .argc_max = high
#define NO_KEYS                 0
#define KEYS(first, last, step) first, .key_last = last, .key_step = step
#define KEY_MEMBER(at)          1, .key_last = 1, .key_step = 1, .member = at
#define KEY_SCORE_MEMBER        KEY_MEMBER(-1), .score = -2
// NOLINTEND(bugprone-macro-parentheses)

enum {
    READS = COMMAND_READS,
    WRITES = COMMAND_WRITES,
    NEEDS_MEMORY = COMMAND_NEEDS_MEMORY,
    FAST = COMMAND_FAST,
    LOCKS_ITSELF = COMMAND_LOCKS_ITSELF,
    EDITS = COMMAND_EDITS,
};
