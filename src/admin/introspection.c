/* COMMAND and HELP: the table of commands, for programs and for people. */
#include "admin/admin.h"
#include "base/glob.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// ---- COMMAND ----

static void reply_name(struct reply *reply, const struct command *command)
{
    struct command_name name;
    reply_value(reply, bytes_of_string(command_lower_name(command, &name)));
}

static void reply_flags(struct reply *reply, const struct command *command)
{
    static const struct {
        enum command_flag flag;
        const char *name;
    } names[] = {
        {COMMAND_READS, "readonly"},
        {COMMAND_WRITES, "write"},
        {COMMAND_NEEDS_MEMORY, "denyoom"},
        {COMMAND_FAST, "fast"},
    };
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++) {
        count += (command->flags & names[i].flag) != 0;
    }
    reply_array(reply, count);
    for (size_t i = 0; i < NAMES; i++) {
        if ((command->flags & names[i].flag) != 0) {
            reply_status(reply, names[i].name);
        }
    }
}

// Ten fields as Redis 7 has them; the last four say nothing here.
static void reply_command(struct reply *reply, const struct command *command)
{
    enum { FIELDS = 10, EMPTY_FIELDS = 4 };
    int64_t arity = command->argc_min;
    reply_array(reply, FIELDS);
    reply_name(reply, command);
    reply_integer(reply, command->argc_max == command->argc_min ? arity : -arity);
    reply_flags(reply, command);
    reply_integer(reply, command->key_first);
    reply_integer(reply, command->key_last);
    reply_integer(reply, command->key_step);
    for (int i = 0; i < EMPTY_FIELDS; i++) {
        reply_array(reply, 0);
    }
}

static void reply_field(struct reply *reply, const char *name, const char *value)
{
    reply_value(reply, bytes_of_string(name));
    reply_value(reply, bytes_of_string(value));
}

static void reply_documentation(struct reply *reply, const struct command *command)
{
    enum { FIELDS = 4 };
    reply_name(reply, command);
    reply_array(reply, (size_t)2 * FIELDS);
    reply_field(reply, "summary", command->summary);
    reply_field(reply, "since", command->since);
    reply_field(reply, "group", command_group_name(command->group));
    reply_field(reply, "complexity", command->complexity);
}

static void command_info(struct call *call)
{
    if (call->argc <= 2) {
        reply_array(call->reply, call->context->commands->count);
        for (size_t i = 0; i < call->context->commands->count; i++) {
            reply_command(call->reply, &call->context->commands->rows[i]);
        }
        return;
    }
    reply_array(call->reply, call->argc - 2);
    for (uint32_t i = 2; i < call->argc; i++) {
        const struct command *command = command_find(call->context->commands, call->argv[i]);
        if (command == NULL) {
            reply_nil_array(call->reply);
        } else {
            reply_command(call->reply, command);
        }
    }
}

static void command_docs(struct call *call)
{
    if (call->argc == 2) {
        reply_array(call->reply, 2 * call->context->commands->count);
        for (size_t i = 0; i < call->context->commands->count; i++) {
            reply_documentation(call->reply, &call->context->commands->rows[i]);
        }
        return;
    }
    size_t found = 0;
    for (uint32_t i = 2; i < call->argc; i++) {
        found += command_find(call->context->commands, call->argv[i]) != NULL;
    }
    reply_array(call->reply, 2 * found);
    for (uint32_t i = 2; i < call->argc; i++) {
        const struct command *command = command_find(call->context->commands, call->argv[i]);
        if (command != NULL) {
            reply_documentation(call->reply, command);
        }
    }
}

static void command_getkeys(struct call *call)
{
    const struct command *command =
        call->argc > 2 ? command_find(call->context->commands, call->argv[2]) : NULL;
    uint32_t argc = call->argc - 2;
    if (call->argc < 3) {
        reply_error(call->reply, "ERR wrong number of arguments for 'command|getkeys' command");
    } else if (command == NULL) {
        reply_error(call->reply, "ERR Invalid command specified");
    } else if (command->key_first == 0) {
        reply_error(call->reply, "ERR The command has no key arguments");
    } else if (argc < command->argc_min || argc > command->argc_max) {
        reply_error(call->reply, "ERR Invalid number of arguments specified for command");
    } else {
        uint32_t count = command_key_count(command, argc);
        const struct bytes *key = call->argv + 2 + command->key_first;
        reply_array(call->reply, count);
        for (uint32_t i = 0; i < count; i++, key += command->key_step) {
            reply_value(call->reply, *key);
        }
    }
}

void handle_command(struct call *call)
{
    if (call->argc == 1 || bytes_is_word(call->argv[1], "INFO")) {
        command_info(call);
    } else if (bytes_is_word(call->argv[1], "COUNT") && call->argc == 2) {
        reply_integer(call->reply, (int64_t)call->context->commands->count);
    } else if (bytes_is_word(call->argv[1], "LIST") && call->argc == 2) {
        reply_array(call->reply, call->context->commands->count);
        for (size_t i = 0; i < call->context->commands->count; i++) {
            reply_name(call->reply, &call->context->commands->rows[i]);
        }
    } else if (bytes_is_word(call->argv[1], "DOCS")) {
        command_docs(call);
    } else if (bytes_is_word(call->argv[1], "GETKEYS")) {
        command_getkeys(call);
    } else {
        reply_unknown_subcommand(call);
    }
}

// ---- HELP ----

enum { TEXT_SIZE_MAX = 8 * 1024, LINE_WIDTH = 76 };

struct text {
    size_t size;
    char data[TEXT_SIZE_MAX];
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
                                                           ...)
{
    size_t room = sizeof(text->data) - text->size;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text->data + text->size, room, format, args);
    va_end(args);
    ASSERT(size >= 0 && (size_t)size < room);
    text->size += (size_t)size;
}

static void add_group(struct text *text, const struct command_table *table,
                      enum command_group group)
{
    text_add(text, "\n%s:", command_group_name(group));
    size_t width = LINE_WIDTH; // The first name begins a line.
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->rows[i];
        size_t size = strlen(command->name) + 1;
        if (command->group != group) {
            continue;
        }
        if (width + size > LINE_WIDTH) {
            text_add(text, "\n ");
            width = 1;
        }
        text_add(text, " %s", command->name);
        width += size;
    }
    text_add(text, "\n");
}

static void help_all(struct call *call)
{
    struct text text = {.size = 0};
    text_add(&text, "FastKV %s. HELP and a command's name say more about it.\n", FASTKV_VERSION);
    for (int group = 0; group < COMMAND_GROUPS; group++) {
        add_group(&text, call->context->commands, (enum command_group)group);
    }
    text.size--; // The protocol ends the last line.
    reply_value(call->reply, bytes_make(text.data, text.size));
}

static void help_one(struct call *call, const struct command *command)
{
    struct text text;
    text.size = 0;
    text_add(&text, "%s%s%s\n", command->name, command->usage[0] == '\0' ? "" : " ",
             command->usage);
    text_add(&text, "%s.\n", command->summary);
    text_add(&text, "Cost: %s. Group: %s. Since %s.", command->complexity,
             command_group_name(command->group), command->since);
    reply_value(call->reply, bytes_make(text.data, text.size));
}

void handle_help(struct call *call)
{
    if (call->argc == 1) {
        help_all(call);
        return;
    }
    const struct command *command = command_find(call->context->commands, call->argv[1]);
    if (command == NULL) {
        struct bytes name = call->argv[1];
        reply_error(call->reply, "ERR no such command '%.*s'; HELP lists all",
                    (int)(name.size < PROTO_ERROR_MAX ? name.size : PROTO_ERROR_MAX), name.data);
        return;
    }
    help_one(call, command);
}
