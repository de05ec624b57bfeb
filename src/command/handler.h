/* handler.h - what the handlers of commands share.
 *
 * A handler is `void handle_name(struct call *call)`. It answers exactly once, or defers (call.h). The helpers that
 * return bool have answered the client's mistake when they return false.
 *
 * Threads: as call.h.
 */
#pragma once

#include "base/error.h"
#include "command/call.h"

/* Results of more items than this are answered from a background thread. */
enum { CALL_ITEMS_INLINE_MAX = 2000 };

/* How rows (*.def) declare their handlers. */
#define HANDLER_OF_COMMAND(name, ...) void handle_##name(struct call *call);
#define HANDLER_OF_SUBCOMMAND(container, name, ...)                                                \
    void handle_##container##_##name(struct call *call);
#define HANDLER_OF_CONTAINER(name, ...)

/* HELP of every container: its subcommands, from their rows. */
void handle_container_help(struct call *call);

/* A command's name in upper case, words parted by blanks: "CONFIG GET". */
enum { COMMAND_NAME_MAX = 48 };
struct command_name {
    char text[COMMAND_NAME_MAX];
};
const char *command_upper_name(const struct command *command, struct command_name *name);

void reply_syntax_error(struct reply *reply);
void reply_wrong_type(struct reply *reply);
void reply_wrong_arity(struct reply *reply, const struct command *command);
void reply_invalid_expiry(struct call *call);

/* Read argument `index` as an integer. */
NODISCARD bool call_integer(struct call *call, uint32_t index, int64_t *value_out);

/* Find the entry under the call's first key, which must be of `type`: *entry_out is NULL
 * when it is absent. */
NODISCARD bool call_find(struct call *call, enum value_type type, struct entry **entry_out);

/* Answer with the string at an entry, lending long ones to the sink. */
void reply_string(struct call *call, const struct entry *entry);

/* The same for the bytes of a value that the caller holds: its reference is used up. */
void reply_string_held(struct call *call, struct bytes string, struct value *value);
