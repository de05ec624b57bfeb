/* admin.h - the handlers of this folder's commands.
 *
 * Threads: as command/handler.h.
 */
#pragma once

#include "command/handler.h"

#define COMMAND    HANDLER_OF_COMMAND
#define CONTAINER  HANDLER_OF_CONTAINER
#define SUBCOMMAND HANDLER_OF_SUBCOMMAND
#include "admin/client.def"
#include "admin/command.def"
#include "admin/config.def"
#include "admin/server.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
