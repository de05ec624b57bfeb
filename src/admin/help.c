/* HELP: the table of commands, for people. */
#include "admin/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

// The names of a group's commands; nothing when it has none.
static void add_group(struct text *text, const struct command_table *table,
                      enum command_group group)
{
    size_t width = LINE_WIDTH; // The first name begins a line.
    bool is_empty = true;
    for (uint32_t i = 0; i < table->count; i += 1U + table->rows[i].subcommands) {
        const struct command *command = &table->rows[i];
        size_t size = strlen(command->name) + 1;
        struct command_name name;
        if (command->group != group) {
            continue;
        }
        if (is_empty) {
            text_add(text, "\n%s:", command_group_name(group));
            is_empty = false;
        }
        if (width + size > LINE_WIDTH) {
            text_add(text, "\n ");
            width = 1;
        }
        text_add(text, " %s", command_upper_name(command, &name));
        width += size;
    }
    text_add(text, "%s", is_empty ? "" : "\n");
}

static void help_all(struct call *call)
{
    struct text text;
    text.size = 0;
    text_add(&text, "FastKV %s. HELP and a command's name say more about it.\n", FASTKV_VERSION);
    for (int group = 0; group < COMMAND_GROUPS; group++) {
        add_group(&text, call->context->commands, (enum command_group)group);
    }
    text.size--; // The protocol ends the last line.
    reply_value(call->reply, bytes_make(text.data, text.size));
}

static void add_line(struct text *text, const struct command *command)
{
    struct command_name name;
    text_add(text, "%s%s%s\n", command_upper_name(command, &name),
             command->usage[0] == '\0' ? "" : " ", command->usage);
    // The one command that the native text protocol writes in another way.
    if (strcmp(command->name, "set") == 0) {
        text_add(text, "In the native text protocol: SET key expiry length [NX | XX] [GET],\n"
                       "and the value on the next line; an expiry of 0 is none.\n");
    }
}

static void help_container(struct call *call, const struct command *container)
{
    struct text text;
    text.size = 0;
    text_add(&text, "%s:\n", container->summary);
    for (uint32_t i = 1; i <= container->subcommands; i++) {
        add_line(&text, &container[i]);
    }
    text.size--;
    reply_value(call->reply, bytes_make(text.data, text.size));
}

static void help_one(struct call *call, const struct command *command)
{
    struct text text;
    text.size = 0;
    add_line(&text, command);
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
    const struct command *command =
        command_find_words(call->context->commands, call->argv + 1, call->argc - 1);
    if (command == NULL) {
        struct bytes name = call->argv[1];
        reply_error(call->reply, "ERR no such command '%.*s'; HELP lists all",
                    (int)(name.size < PROTO_ERROR_MAX ? name.size : PROTO_ERROR_MAX), name.data);
    } else if (command_is_container(command)) {
        help_container(call, command);
    } else {
        help_one(call, command);
    }
}
