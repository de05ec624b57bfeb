/* handlers.h - the handlers of this folder's commands.
 *
 * Threads: as command/handler.h.
 */
#pragma once

#include "command/handler.h"

#define COMMAND(name, arity, flags, keys, handler, ...) void handler(struct call *call);
#include "handlers/connection.def"
#include "handlers/generic.def"
#include "handlers/string.def"
#include "handlers/zset.def"
#undef COMMAND
