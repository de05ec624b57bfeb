/* log.h - one line per event, to a file or stderr.
 *
 *   2026-11-22 10:15:02.123 notice: listening on 127.0.0.1:1234
 *
 * Threads: any; a line is written with one write().
 */
#pragma once

#include "base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING };

struct log {
    int fd;
    enum log_level level; // Lines below it are dropped.
};

/* Log to `path`, appending; NULL or "" means stderr. 0 or negative errno. */
NODISCARD int log_open(struct log *log, const char *path, enum log_level level);

/* Close the file, if there is one. */
void log_close(struct log *log);

/* Write one line; a line over 1 KiB is cut. */
__attribute__((format(printf, 3, 4))) void log_write(const struct log *log, enum log_level level,
                                                     const char *format, ...);
