/* admin.h - the handlers of this folder's commands.
 *
 * Threads: as command/handler.h.
 */
#pragma once

#include "command/handler.h"

#define COMMAND(name, arity, flags, keys, handler, ...) void handler(struct call *call);
#include "admin/client.def"
#include "admin/server.def"
#undef COMMAND
