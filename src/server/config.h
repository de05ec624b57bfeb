/* config.h - the server's settings: the rows of all modules put together.
 *
 *   rows of base/log, runtime and server ──> flags, --help, CONFIG GET, CONFIG SET
 *
 * Threads: config_parse at start; then see server_set_config. Live numbers are atomic.
 */
#pragma once

#include "base/log.h"
#include "base/option.h"
#include "net/loop.h"
#include "runtime/worker_services.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFIG_BINDS_MAX = 16, CONFIG_ERROR_MAX = 320 };

/* Addresses to listen on; with a '-' before it, one that need not exist. */
struct config_binds {
    char addresses[CONFIG_BINDS_MAX][64];
    unsigned count;
};

struct config {
    struct log_settings log;
    struct worker_limits limits;
    option_value port; // 0: a free one.
    option_value workers;
    option_value databases;
    option_value clients_max;
    option_value tcp_keepalive_s; // Silent connections are probed after it; 0: never.
    option_value io;              // enum loop_kind
    mode_t unix_mode;             // 0: by umask.
    struct config_binds bind;
    char unix_path[108];
};

/* What a command line asks for. */
enum config_outcome { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_WRONG };

/* Read a command line. CONFIG_WRONG: error_out says in one line what is wrong and how
 * to mend it. */
enum config_outcome config_parse(struct config *config, int argc, char **argv,
                                 char error_out[CONFIG_ERROR_MAX]);

/* Print what --help shows to stdout. */
void config_print_help(void);

/* A setting of some module, and where its module's settings begin in a struct config. */
struct config_option {
    const struct option *row;
    size_t offset;
};

/* The setting at `index`; false beyond the last one. */
bool config_option_at(size_t index, struct config_option *option_out);

/* The setting of this name, in any case; false when there is none. */
bool config_option_find(struct bytes name, struct config_option *option_out);

/* The settings of the option's module. */
static inline void *config_settings(struct config *config, struct config_option option)
{
    return (char *)config + option.offset;
}

/* Settings of Redis that clients ask for and that have one value here; false beyond the last. */
struct config_constant {
    const char *name, *value;
};
bool config_constant_at(size_t index, struct config_constant *constant_out);
