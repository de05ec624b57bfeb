/* HELP of containers. */
#include "command/handler.h"

#include <stdio.h>
#include <string.h>

static void reply_line(struct reply *reply, const char *before, const char *text,
                       const char *behind)
{
    enum { LINE_MAX_SIZE = 512 };
    char line[LINE_MAX_SIZE];
    int size = snprintf(line, sizeof(line), "%s%s%s", before, text, behind);
    ASSERT(size > 0 && (size_t)size < sizeof(line));
    reply_status(reply, line);
}

void handle_container_help(struct call *call)
{
    const struct command *container = call->command->container;
    struct command_name name;
    reply_array(call->reply, 1 + 2 * (size_t)container->subcommands);
    reply_line(call->reply, command_upper_name(container, &name),
               " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "");
    // HELP is the first of the rows, and comes last here, as in Redis.
    for (uint32_t i = 0; i < container->subcommands; i++) {
        const struct command *row = &container[1 + (i + 1) % container->subcommands];
        const char *word = command_upper_name(row, &name) + strlen(container->word) + 1;
        reply_line(call->reply, word, row->usage[0] == '\0' ? "" : " ", row->usage);
        reply_line(call->reply, "    ", row->summary, ".");
    }
}
