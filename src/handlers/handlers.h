/* handlers.h - the handlers of this folder's commands.
 *
 * Threads: as command/handler.h.
 */
#pragma once

#include "command/handler.h"

#define COMMAND    HANDLER_OF_COMMAND
#define CONTAINER  HANDLER_OF_CONTAINER
#define SUBCOMMAND HANDLER_OF_SUBCOMMAND
#include "handlers/bitmap.def"
#include "handlers/connection.def"
#include "handlers/generic.def"
#include "handlers/string.def"
#include "handlers/transaction.def"
#include "handlers/zset.def"
#undef COMMAND
#undef CONTAINER
#undef SUBCOMMAND
