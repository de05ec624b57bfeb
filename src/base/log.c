#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static const char *const level_words[] = {"debug", "verbose", "notice", "warning", NULL};

static const struct option rows[] = {
    {"loglevel", "LEVEL", "notice", "what to log: debug, verbose, notice or warning", OPTION_WORD,
     .is_live = true, .words = level_words, OPTION_FIELD(struct log_settings, level)},
    {"logfile", "PATH", "stderr", "append the log to a file, opened anew at SIGHUP", OPTION_PATH,
     OPTION_FIELD(struct log_settings, path)},
};

const struct option_group log_options = {rows, sizeof(rows) / sizeof(rows[0])};

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

int log_open(struct log *log, const char *path, enum log_level level)
{
    int fd = STDERR_FILENO;
    if (path != NULL && path[0] != '\0') {
        fd = open_file(path);
        if (fd < 0) {
            return fd;
        }
    }
    *log = (struct log){.fd = fd, .level = (int)level};
    return 0;
}

int log_reopen(struct log *log, const char *path)
{
    if (log->fd <= STDERR_FILENO) {
        return 0;
    }
    int fd = open_file(path);
    if (fd < 0) {
        return fd;
    }
    // In one step for the threads that are writing: the number stays.
    int error = dup3(fd, log->fd, O_CLOEXEC) < 0 ? -errno : 0;
    (void)close(fd);
    return error;
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

void log_close(struct log *log)
{
    if (log->fd > STDERR_FILENO) {
        (void)close(log->fd);
    }
    log->fd = STDERR_FILENO;
}

bool log_limiter_allows(struct log_limiter *limiter, uint64_t now_ms, uint64_t *left_out_out)
{
    enum { INTERVAL_MS = 1000 };
    if (now_ms < limiter->next_ms) {
        limiter->left_out++;
        return false;
    }
    *left_out_out = limiter->left_out;
    *limiter = (struct log_limiter){.next_ms = now_ms + INTERVAL_MS};
    return true;
}

// Length of what snprintf would have written, cut to what fits.
static size_t fitted(int length, size_t room)
{
    if (length < 0) {
        return 0;
    }
    return (size_t)length < room ? (size_t)length : room - 1;
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&log->level, memory_order_relaxed)) {
        return;
    }
    char line[LINE_MAX_BYTES];
    uint64_t now_ms = clock_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm date;
    (void)localtime_r(&now_s, &date);
    size_t at = strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S", &date);
    at += fitted(snprintf(line + at, sizeof(line) - at, ".%03u %s: ", (unsigned)(now_ms % 1000),
                          level_words[level]),
                 sizeof(line) - at);
    va_list arguments;
    va_start(arguments, format);
    at += fitted(vsnprintf(line + at, sizeof(line) - 1 - at, format, arguments),
                 sizeof(line) - 1 - at);
    va_end(arguments);
    line[at++] = '\n';
    ssize_t written = write(log->fd, line, at);
    (void)written; // A log that cannot be written must not stop the server.
}
