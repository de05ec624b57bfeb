/* log.h - one line per event, to a file or stderr.
 *
 *   2026-11-22 10:15:02.123 notice: listening on 127.0.0.1:1234
 *
 * Threads: any; a line is written with one write(). A limiter: one thread.
 */
#pragma once

#include "base/error.h"
#include "base/option.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING };

struct log_settings {
    option_value level; // enum log_level
    char path[256];     // "": stderr.
};
extern const struct option_group log_options;

struct log {
    int fd;
    _Atomic int level; // enum log_level; lines below it are dropped.
};

/* Log to `path`, appending; NULL or "" means stderr. 0 or negative errno. */
NODISCARD int log_open(struct log *log, const char *path, enum log_level level);

/* Open the file at `path` anew, which was moved away; nothing to do for stderr. Lines go to the
 * old one until then. 0 or negative errno: then they go on doing so. */
NODISCARD int log_reopen(struct log *log, const char *path);

/* Lines below this level are dropped from now on. Any thread. */
void log_set_level(struct log *log, enum log_level level);

/* Close the file, if there is one. */
void log_close(struct log *log);

/* At most one line a second of a kind that clients can cause. */
struct log_limiter {
    uint64_t next_ms;
    uint64_t left_out; // Since the last line.
};

/* Whether a line of this kind is to be written at `now_ms` of a clock that never goes back;
 * *left_out_out: how many were not since the last one. */
bool log_limiter_allows(struct log_limiter *limiter, uint64_t now_ms, uint64_t *left_out_out);

/* Write one line; a line over 1 KiB is cut. */
__attribute__((format(printf, 3, 4))) void log_write(const struct log *log, enum log_level level,
                                                     const char *format, ...);
