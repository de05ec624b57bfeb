#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

int log_open(struct log *log, const char *path, enum log_level level)
{
    int fd = STDERR_FILENO;
    if (path != NULL && path[0] != '\0') {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) {
            return -errno;
        }
    }
    *log = (struct log){.fd = fd, .level = level};
    return 0;
}

void log_close(struct log *log)
{
    if (log->fd > STDERR_FILENO) {
        (void)close(log->fd);
    }
    log->fd = STDERR_FILENO;
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
    static const char *const names[] = {"debug", "verbose", "notice", "warning"};
    if (level < log->level) {
        return;
    }
    char line[LINE_MAX_BYTES];
    uint64_t now_ms = clock_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm date;
    (void)localtime_r(&now_s, &date);
    size_t at = strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S", &date);
    at += fitted(snprintf(line + at, sizeof(line) - at, ".%03u %s: ", (unsigned)(now_ms % 1000),
                          names[level]),
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
