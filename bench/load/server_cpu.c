#include "load/server_cpu.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { INFO_SIZE_MAX = 64 << 10, INFO_TIMEOUT_S = 30 };

/* The beginning of a small file, NUL-terminated. 0 or -1. */
static int read_file(const char *path, char *out, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t got = read(fd, out, capacity - 1);
    (void)close(fd);
    if (got <= 0) {
        return -1;
    }
    out[got] = '\0';
    return 0;
}

static int read_schedstat(pid_t pid, uint64_t *ns_out)
{
    char path[64];
    char text[128];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return -1;
    }
    uint64_t sum = 0;
    int found = 0;
    const struct dirent *task = NULL;
    // One thread reads this directory. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((task = readdir(tasks)) != NULL) {
        if (task->d_name[0] == '.') {
            continue;
        }
        char file[sizeof(path) + sizeof(task->d_name) + sizeof("/schedstat")];
        (void)snprintf(file, sizeof(file), "%s/%s/schedstat", path, task->d_name);
        if (read_file(file, text, sizeof(text)) == 0) {
            sum += strtoull(text, NULL, 10);
            found++;
        }
    }
    (void)closedir(tasks);
    if (found == 0) {
        return -1;
    }
    *ns_out = sum;
    return 0;
}

static int read_stat(pid_t pid, uint64_t *ns_out)
{
    enum { FIELDS_BEFORE_TIMES = 11 }; // From the state behind the name on; proc(5).
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_file(path, text, sizeof(text)) != 0) {
        return -1;
    }
    char *at = strrchr(text, ')'); // The name may hold blanks.
    for (int i = 0; at != NULL && i <= FIELDS_BEFORE_TIMES; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return -1;
    }
    uint64_t user = strtoull(at, &at, 10);
    uint64_t system = strtoull(at, NULL, 10);
    *ns_out = (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

/* The number behind "name:" at the beginning of a line, or a NaN. */
static double info_field(const char *text, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = text; at != NULL && *at != '\0';) {
        if (strncmp(at, name, size) == 0 && at[size] == ':') {
            return strtod(at + size + 1, NULL);
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return NAN;
}

int server_cpu_parse_info(const char *text, uint64_t *ns_out)
{
    double seconds = info_field(text, "used_cpu_user") + info_field(text, "used_cpu_sys");
    if (!(seconds >= 0)) {
        return -1;
    }
    *ns_out = (uint64_t)llround(seconds * 1e9);
    return 0;
}

/* Receive one bulk reply into out[capacity], NUL-terminated. 0 or -1. */
static int receive_bulk(int fd, char *out, size_t capacity)
{
    size_t size = 0;
    size_t whole = 0;
    while (whole == 0 || size < whole) {
        ssize_t got = size + 1 < capacity ? recv(fd, out + size, capacity - 1 - size, 0) : -1;
        if (got <= 0) {
            return -1;
        }
        size += (size_t)got;
        out[size] = '\0';
        const char *line_end = strchr(out, '\n');
        if (line_end != NULL && whole == 0) {
            if (out[0] != '$') {
                return -1;
            }
            whole = (size_t)(line_end + 1 - out) + strtoull(out + 1, NULL, 10) + 2;
        }
    }
    return 0;
}

static int read_info(int fd, uint64_t *ns_out)
{
    static const char request[] = "*2\r\n$4\r\nINFO\r\n$3\r\ncpu\r\n";
    ssize_t size = (ssize_t)sizeof(request) - 1;
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        return -1;
    }
    char *text = malloc(INFO_SIZE_MAX);
    if (text == NULL) {
        return -1;
    }
    int status = receive_bulk(fd, text, INFO_SIZE_MAX);
    if (status == 0) {
        status = server_cpu_parse_info(text, ns_out);
    }
    free(text);
    return status;
}

int server_cpu_open(struct server_cpu *cpu, const struct endpoint *endpoint,
                    struct problem *problem)
{
    uint64_t ns = 0;
    *cpu = (struct server_cpu){.source = CPU_NONE, .pid = endpoint->pid, .fd = -1};
    if (endpoint->pid != 0) {
        if (read_schedstat(endpoint->pid, &ns) == 0) {
            cpu->source = CPU_SCHEDSTAT;
        } else if (read_stat(endpoint->pid, &ns) == 0) {
            cpu->source = CPU_STAT;
        } else {
            return problem_set(problem, "%s: there is no process %d", endpoint->name,
                               endpoint->pid);
        }
        return 0;
    }
    if (endpoint->is_floor) {
        return 0;
    }
    cpu->fd = endpoint_connect(endpoint, problem);
    if (cpu->fd < 0) {
        return -1;
    }
    struct timeval timeout = {.tv_sec = INFO_TIMEOUT_S};
    (void)setsockopt(cpu->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (read_info(cpu->fd, &ns) == 0) {
        cpu->source = CPU_INFO;
    } else {
        server_cpu_close(cpu);
    }
    return 0;
}

void server_cpu_close(struct server_cpu *cpu)
{
    if (cpu->fd >= 0) {
        (void)close(cpu->fd);
        cpu->fd = -1;
    }
    cpu->source = CPU_NONE;
}

int server_cpu_read(struct server_cpu *cpu, uint64_t *ns_out)
{
    switch (cpu->source) {
    case CPU_SCHEDSTAT:
        return read_schedstat(cpu->pid, ns_out);
    case CPU_STAT:
        return read_stat(cpu->pid, ns_out);
    case CPU_INFO:
        return read_info(cpu->fd, ns_out);
    case CPU_NONE:
        break;
    }
    return -1;
}

const char *server_cpu_source_name(enum cpu_source source)
{
    switch (source) {
    case CPU_SCHEDSTAT:
        return "schedstat";
    case CPU_STAT:
        return "stat";
    case CPU_INFO:
        return "INFO";
    case CPU_NONE:
        break;
    }
    return "none";
}
