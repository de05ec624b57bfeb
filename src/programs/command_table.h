/* command_table.h - the table of all commands of the server.
 *
 * Threads: constant data; any.
 */
#pragma once

#include "command/command.h"

extern const struct command_table command_table;
