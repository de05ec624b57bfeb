/* COMMAND: the table of commands, for programs. */
#include "admin/admin.h"
#include "base/glob.h"
#include "command/category.h"

#include <stdio.h>

// ---- COMMAND INFO ----

struct flag_name {
    uint32_t flag;
    const char *name;
};

/* The flags that are set, as a set of words with `prefix` left to the names. */
static void reply_flags(struct reply *reply, uint32_t flags, const struct flag_name *names,
                        size_t count)
{
    size_t set = 0;
    for (size_t i = 0; i < count; i++) {
        set += (flags & names[i].flag) != 0;
    }
    reply_set(reply, set);
    for (size_t i = 0; i < count; i++) {
        if ((flags & names[i].flag) != 0) {
            reply_status(reply, names[i].name);
        }
    }
}

enum { MOVABLE_KEYS = 1 << 30 }; // Beside enum command_flag.

static const struct flag_name flag_names[] = {
    {COMMAND_WRITES, "write"},      {COMMAND_READS, "readonly"},  {COMMAND_NEEDS_MEMORY, "denyoom"},
    {COMMAND_ADMIN, "admin"},       {COMMAND_PUBSUB, "pubsub"},   {COMMAND_NO_SCRIPT, "noscript"},
    {COMMAND_BLOCKING, "blocking"}, {COMMAND_LOADING, "loading"}, {COMMAND_STALE, "stale"},
    {COMMAND_FAST, "fast"},         {COMMAND_NO_AUTH, "no_auth"}, {MOVABLE_KEYS, "movablekeys"},
    {COMMAND_NO_MULTI, "no_multi"},
};

static const struct flag_name access_names[] = {
    {KEY_RO, "RO"},
    {KEY_RW, "RW"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE, "variable_flags"},
};

enum {
    FLAG_NAMES = sizeof(flag_names) / sizeof(flag_names[0]),
    ACCESS_NAMES = sizeof(access_names) / sizeof(access_names[0]),
};

static void reply_text(struct reply *reply, const char *text)
{
    reply_value(reply, bytes_of_string(text));
}

static void reply_number(struct reply *reply, const char *name, int64_t value)
{
    reply_text(reply, name);
    reply_integer(reply, value);
}

static bool is_plain_range(const struct key_spec *spec)
{
    return spec->kind == KEYS_IN_RANGE;
}

/* Where the first keys are, as programs of before Redis 7 want it: of the specs that are plain
 * ranges and follow each other without a gap. */
struct key_places {
    int first, last, step;
    bool are_movable; // There are others.
};

static struct key_places key_places(const struct command *command)
{
    struct key_places places = {0};
    for (uint32_t i = 0; i < command->spec_count; i++) {
        const struct key_spec *spec = &command->key_specs[i];
        int last = spec->last < 0 ? spec->last : spec->from + spec->last;
        // NOLINTNEXTLINE(bugprone-branch-clone): two reasons for the same.
        if (!is_plain_range(spec)) {
            places.are_movable = true;
        } else if (places.first == 0) {
            places = (struct key_places){spec->from, last, spec->step, places.are_movable};
        } else if (places.last > 0 && spec->from == places.last + 1) {
            places.last = last;
        } else {
            places.are_movable = true;
        }
    }
    return places;
}

static void reply_search(struct reply *reply, const struct key_spec *spec)
{
    reply_map(reply, 2);
    reply_text(reply, "type");
    reply_text(reply, spec->keyword == NULL ? "index" : "keyword");
    reply_text(reply, "spec");
    if (spec->keyword == NULL) {
        reply_map(reply, 1);
        reply_number(reply, "index", spec->from);
        return;
    }
    reply_map(reply, 2);
    reply_text(reply, "keyword");
    reply_text(reply, spec->keyword);
    reply_number(reply, "startfrom", spec->from);
}

static void reply_find(struct reply *reply, const struct key_spec *spec)
{
    reply_map(reply, 2);
    reply_text(reply, "type");
    reply_text(reply, spec->kind == KEYS_COUNTED ? "keynum" : "range");
    reply_text(reply, "spec");
    reply_map(reply, 3);
    if (spec->kind == KEYS_COUNTED) {
        reply_number(reply, "keynumidx", 0);
        reply_number(reply, "firstkey", 1);
        reply_number(reply, "keystep", spec->step);
    } else {
        reply_number(reply, "lastkey", spec->last);
        reply_number(reply, "keystep", spec->step);
        reply_number(reply, "limit", spec->part);
    }
}

static void reply_key_specs(struct reply *reply, const struct command *command)
{
    reply_set(reply, command->spec_count);
    for (uint32_t i = 0; i < command->spec_count; i++) {
        const struct key_spec *spec = &command->key_specs[i];
        reply_map(reply, 3);
        reply_text(reply, "flags");
        reply_flags(reply, spec->access, access_names, ACCESS_NAMES);
        reply_text(reply, "begin_search");
        reply_search(reply, spec);
        reply_text(reply, "find_keys");
        reply_find(reply, spec);
    }
}

static void reply_categories(struct reply *reply, const struct command *command)
{
    uint32_t categories = command_categories(command);
    reply_set(reply, (size_t)__builtin_popcount(categories));
    for (int i = 0; i < CATEGORIES; i++) {
        if ((categories & 1U << i) != 0) {
            char name[32];
            (void)snprintf(name, sizeof(name), "@%s", category_name((enum command_category)i));
            reply_status(reply, name);
        }
    }
}

// The fields of Redis 7 but the last, which are the subcommands.
static void reply_command_fields(struct reply *reply, const struct command *command)
{
    enum { FIELDS = 10 };
    int64_t arity = command->argc_min;
    struct key_places places = key_places(command);
    reply_array(reply, FIELDS);
    reply_text(reply, command->name);
    reply_integer(reply, command->argc_max == command->argc_min ? arity : -arity);
    reply_flags(reply, command->flags | (places.are_movable ? MOVABLE_KEYS : 0U), flag_names,
                FLAG_NAMES);
    reply_integer(reply, places.first);
    reply_integer(reply, places.last);
    reply_integer(reply, places.step);
    reply_categories(reply, command);
    reply_array(reply, 0); // Tips.
    reply_key_specs(reply, command);
}

static void reply_command(struct reply *reply, const struct command *command)
{
    reply_command_fields(reply, command);
    reply_array(reply, command->subcommands);
    for (uint32_t i = 1; i <= command->subcommands; i++) {
        reply_command_fields(reply, &command[i]);
        reply_array(reply, 0);
    }
}

void handle_command_info(struct call *call)
{
    const struct command_table *table = call->context->commands;
    if (call->argc <= 2) {
        reply_array(call->reply, table->top_count);
        for (uint32_t i = 0; i < table->count; i += 1U + table->rows[i].subcommands) {
            reply_command(call->reply, &table->rows[i]);
        }
        return;
    }
    reply_array(call->reply, call->argc - 2);
    for (uint32_t i = 2; i < call->argc; i++) {
        const struct command *command = command_find_full(table, call->argv[i]);
        if (command == NULL) {
            reply_nil_array(call->reply);
        } else {
            reply_command(call->reply, command);
        }
    }
}

// ---- COMMAND COUNT, LIST ----

void handle_command_count(struct call *call)
{
    reply_integer(call->reply, call->context->commands->top_count);
}

enum list_filter { FILTER_NONE, FILTER_NOTHING, FILTER_CATEGORY, FILTER_PATTERN };

struct list_query {
    enum list_filter filter;
    enum command_category category;
    struct bytes pattern;
};

static bool parse_list_query(struct call *call, struct list_query *query)
{
    if (call->argc == 2) {
        return true;
    }
    if (call->argc == 5 && bytes_is_word(call->argv[2], "FILTERBY")) {
        struct bytes kind = call->argv[3];
        query->pattern = call->argv[4];
        query->filter = FILTER_NOTHING;
        if (bytes_is_word(kind, "MODULE")) {
            return true; // There are no modules.
        }
        if (bytes_is_word(kind, "ACLCAT")) {
            if (category_parse(query->pattern, &query->category)) {
                query->filter = FILTER_CATEGORY;
            }
            return true;
        }
        if (bytes_is_word(kind, "PATTERN")) {
            query->filter = FILTER_PATTERN;
            return true;
        }
    }
    reply_syntax_error(call->reply);
    return false;
}

static bool passes(const struct list_query *query, const struct command *command)
{
    switch (query->filter) {
    case FILTER_NONE:
        return true;
    case FILTER_NOTHING:
        return false;
    case FILTER_CATEGORY:
        return (command_categories(command) & 1U << query->category) != 0;
    case FILTER_PATTERN:
        return glob_matches_caseless(query->pattern, bytes_of_string(command->name));
    }
    return false;
}

void handle_command_list(struct call *call)
{
    const struct command_table *table = call->context->commands;
    struct list_query query = {.filter = FILTER_NONE};
    if (!parse_list_query(call, &query)) {
        return;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        count += passes(&query, &table->rows[i]);
    }
    reply_set(call->reply, count);
    for (uint32_t i = 0; i < table->count; i++) {
        if (passes(&query, &table->rows[i])) {
            reply_text(call->reply, table->rows[i].name);
        }
    }
}

// ---- COMMAND DOCS ----

static void reply_field(struct reply *reply, const char *name, const char *value)
{
    reply_text(reply, name);
    reply_text(reply, value);
}

static const char *argument_type_name(enum argument_type type)
{
    static const char *const names[ARGUMENT_TYPES] = {
        [ARGUMENT_STRING] = "string",    [ARGUMENT_INTEGER] = "integer",
        [ARGUMENT_DOUBLE] = "double",    [ARGUMENT_KEY] = "key",
        [ARGUMENT_PATTERN] = "pattern",  [ARGUMENT_UNIX_TIME] = "unix-time",
        [ARGUMENT_TOKEN] = "pure-token", [ARGUMENT_ONEOF] = "oneof",
        [ARGUMENT_BLOCK] = "block",
    };
    return names[type];
}

// One argument; the replies to its children, if any, must follow.
static void reply_argument(struct reply *reply, const struct command_argument *argument)
{
    size_t flags = (size_t)argument->is_optional + argument->is_multiple;
    size_t fields = 2;
    fields += argument->key_spec >= 0;
    fields += argument->token != NULL;
    fields += flags > 0;
    fields += argument->children > 0;
    reply_map(reply, fields);
    reply_field(reply, "name", argument->name);
    reply_field(reply, "type", argument_type_name(argument->type));
    if (argument->key_spec >= 0) {
        reply_number(reply, "key_spec_index", argument->key_spec);
    }
    if (argument->token != NULL) {
        reply_field(reply, "token", argument->token);
    }
    if (flags > 0) {
        reply_text(reply, "flags");
        reply_set(reply, flags);
        if (argument->is_optional) {
            reply_status(reply, "optional");
        }
        if (argument->is_multiple) {
            reply_status(reply, "multiple");
        }
    }
    if (argument->children > 0) {
        reply_text(reply, "arguments");
        reply_array(reply, argument->children);
    }
}

static void reply_arguments(struct reply *reply, const struct command *command)
{
    reply_text(reply, "arguments");
    reply_array(reply, command->argument_count);
    // Flat, as the reply is: children follow their parent.
    const struct command_argument *argument = command->arguments;
    for (uint32_t left = command->argument_count; left > 0; left--) {
        left += argument->children;
        reply_argument(reply, argument++);
    }
}

static void reply_documentation(struct reply *reply, const struct command *command)
{
    size_t fields = 4;
    fields += command->argument_count > 0;
    fields += command->subcommands > 0;
    reply_text(reply, command->name);
    reply_map(reply, fields);
    reply_field(reply, "summary", command->summary);
    reply_field(reply, "since", command->since);
    reply_field(reply, "group", command_group_name(command->group));
    reply_field(reply, "complexity", command->complexity);
    if (command->argument_count > 0) {
        reply_arguments(reply, command);
    }
    if (command->subcommands > 0) {
        reply_text(reply, "subcommands");
        reply_map(reply, command->subcommands);
    }
}

// A command; when it is a container, with its subcommands behind, which are its last field.
static void reply_documentation_whole(struct reply *reply, const struct command *command)
{
    for (uint32_t i = 0; i <= command->subcommands; i++) {
        reply_documentation(reply, &command[i]);
    }
}

void handle_command_docs(struct call *call)
{
    const struct command_table *table = call->context->commands;
    if (call->argc == 2) {
        reply_map(call->reply, table->top_count);
        for (uint32_t i = 0; i < table->count; i += 1U + table->rows[i].subcommands) {
            reply_documentation_whole(call->reply, &table->rows[i]);
        }
        return;
    }
    size_t found = 0;
    for (uint32_t i = 2; i < call->argc; i++) {
        found += command_find_full(table, call->argv[i]) != NULL;
    }
    reply_map(call->reply, found);
    for (uint32_t i = 2; i < call->argc; i++) {
        const struct command *command = command_find_full(table, call->argv[i]);
        if (command != NULL) {
            reply_documentation_whole(call->reply, command);
        }
    }
}

// ---- COMMAND GETKEYS, GETKEYSANDFLAGS ----

static bool find_keys(struct call *call, struct key_runs *runs)
{
    const struct bytes *argv = call->argv + 2;
    uint32_t argc = call->argc - 2;
    const struct command *command = command_find_words(call->context->commands, argv, argc);
    if (command == NULL) {
        reply_error(call->reply, "ERR Invalid command specified");
    } else if (command->spec_count == 0) {
        reply_error(call->reply, "ERR The command has no key arguments");
    } else if (argc < command->argc_min || argc > command->argc_max) {
        reply_error(call->reply, "ERR Invalid number of arguments specified for command");
    } else if (key_specs_find(command->key_specs, command->spec_count, argv, argc, runs) !=
                   KEY_FINE ||
               runs->key_count == 0) {
        reply_error(call->reply, "ERR Invalid arguments specified for command");
    } else {
        return true;
    }
    return false;
}

static void answer_keys(struct call *call, bool with_flags)
{
    struct key_runs runs;
    if (!find_keys(call, &runs)) {
        return;
    }
    reply_array(call->reply, runs.key_count);
    for (uint32_t i = 0; i < runs.run_count; i++) {
        const struct key_run *run = &runs.runs[i];
        for (uint32_t j = 0; j < run->count; j++) {
            if (with_flags) {
                reply_array(call->reply, 2);
            }
            reply_value(call->reply, call->argv[2 + run->first + j * run->step]);
            if (with_flags) {
                reply_flags(call->reply, run->access, access_names, ACCESS_NAMES);
            }
        }
    }
}

void handle_command_getkeys(struct call *call)
{
    answer_keys(call, false);
}

void handle_command_getkeysandflags(struct call *call)
{
    answer_keys(call, true);
}
