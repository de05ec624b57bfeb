/* config.h - the server's options: one table for flags, --help and CONFIG GET.
 *
 * Threads: filled at start, constant afterwards.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFIG_BINDS_MAX = 16, CONFIG_ERROR_MAX = 256 };

struct config {
    uint16_t port;    // 0: a free one.
    unsigned workers; // 0 until config_parse: one per core.
    unsigned databases;
    unsigned clients_max;
    unsigned timeout_s;       // Idle connections are closed after it; 0: never.
    unsigned tcp_keepalive_s; // Silent ones are probed after it; 0: never.
    uint64_t output_limit_bytes;
    uint64_t query_limit_bytes;
    uint64_t client_memory_max; // Of all connections together.
    enum loop_kind io;
    enum log_level log_level;
    mode_t unix_mode; // 0: by umask.
    char bind[CONFIG_BINDS_MAX][64];
    unsigned bind_count;
    char unix_path[108];
    char log_path[256];
};

/* What a command line asks for. */
enum config_outcome { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_WRONG };

/* Read a command line. CONFIG_WRONG: error_out says in one line what is wrong and how
 * to mend it. */
enum config_outcome config_parse(struct config *config, int argc, char **argv,
                                 char error_out[CONFIG_ERROR_MAX]);

/* Print what --help shows to stdout. */
void config_print_help(void);

/* For CONFIG GET: the option at `index` in Redis's words and its value as text;
 * false beyond the last one. */
enum { CONFIG_TEXT_MAX = 2048 };
bool config_describe(const struct config *config, size_t index, const char **name_out,
                     char value_out[CONFIG_TEXT_MAX]);
