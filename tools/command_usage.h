/* command_usage.h - what the usage of a row says about its arguments.
 *
 *   usage         sequence { "|" sequence }
 *   sequence      { item }
 *   item          word                    in lower case a value, in upper case itself
 *                 "[" usage "]"           optional
 *                 "<" usage ">"           one of several
 *   "x [x ...]"   one or more of what stands before; "[x ...]" alone: any number
 *
 * A word in upper case is the token of what follows it, up to the next such word.
 *
 * Limits:  USAGE_NODES_MAX arguments, USAGE_DEPTH_MAX brackets in each other.
 * Threads: one.
 */
#pragma once

#include "command/argument.h"

enum { USAGE_NODES_MAX = 64, USAGE_DEPTH_MAX = 8, USAGE_NAME_MAX = 96 };

struct usage_node {
    char name[USAGE_NAME_MAX];
    char token[USAGE_NAME_MAX]; // "": none.
    enum argument_type type;
    bool is_optional, is_multiple;
    int first, last; // Children; 0: none.
    int next;        // The sibling behind it; 0: none.
};

/* Arguments one behind the other. */
struct usage_list {
    int first, last; // 0: none.
};

struct usage {
    struct usage_node nodes[USAGE_NODES_MAX]; // From 1 on.
    int count;
    struct usage_list arguments;
};

/* Read a usage. 0, or -1: *error_out says what is wrong with it. */
int usage_parse(struct usage *usage, const char *text, const char **error_out);

/* How many siblings a list has. */
int usage_length(const struct usage *usage, struct usage_list list);

/* The node behind `node` in the flat order: its first child, else the next of it or of the
 * nearest of its parents that has one; 0 at the end. */
int usage_walk(const struct usage *usage, int node);
