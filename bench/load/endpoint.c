#include "load/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Copy text[0 .. size) into a field of `capacity`; false when it does not fit. */
static bool copy_field(char *field, size_t capacity, const char *text, size_t size)
{
    if (size == 0 || size >= capacity) {
        return false;
    }
    memcpy(field, text, size);
    field[size] = '\0';
    return true;
}

/* HOST:PORT or /PATH in text[0 .. size). */
static bool parse_address(struct endpoint *endpoint, const char *text, size_t size)
{
    if (text[0] == '/') {
        return copy_field(endpoint->host, sizeof(endpoint->host), text, size);
    }
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL) {
        return false;
    }
    const char *host = text;
    size_t host_size = (size_t)(colon - text);
    if (host_size > 2 && host[0] == '[' && host[host_size - 1] == ']') {
        host++;
        host_size -= 2;
    }
    return copy_field(endpoint->host, sizeof(endpoint->host), host, host_size) &&
           copy_field(endpoint->port, sizeof(endpoint->port), colon + 1,
                      size - (size_t)(colon + 1 - text));
}

static bool parse_pid(struct endpoint *endpoint, const char *text, size_t size)
{
    char *rest = NULL;
    long pid = strtol(text, &rest, 10);
    endpoint->pid = (pid_t)pid;
    return rest == text + size && pid > 0 && pid <= INT32_MAX;
}

static bool parse_attribute(struct endpoint *endpoint, const char *text, size_t size)
{
    if (size == strlen("floor") && memcmp(text, "floor", size) == 0) {
        endpoint->is_floor = true;
        return true;
    }
    size_t prefix = strlen("pid=");
    return size > prefix && memcmp(text, "pid=", prefix) == 0 &&
           parse_pid(endpoint, text + prefix, size - prefix);
}

int endpoint_parse(struct endpoint *endpoint, const char *text, struct problem *problem)
{
    *endpoint = (struct endpoint){0};
    const char *at = text;
    size_t size = strcspn(at, ",");
    const char *equals = memchr(at, '=', size);
    bool valid = true;
    if (equals != NULL) {
        valid = copy_field(endpoint->name, sizeof(endpoint->name), at, (size_t)(equals - at));
        size -= (size_t)(equals + 1 - at);
        at = equals + 1;
    } else {
        (void)snprintf(endpoint->name, sizeof(endpoint->name), "%.*s", (int)size, at);
    }
    valid = valid && parse_address(endpoint, at, size);
    for (at += size; valid && *at == ','; at += size) {
        at++;
        size = strcspn(at, ",");
        valid = parse_attribute(endpoint, at, size);
    }
    if (!valid) {
        return problem_set(problem,
                           "cannot read server '%s'; use NAME=HOST:PORT[,pid=N][,floor] or "
                           "NAME=/PATH",
                           text);
    }
    return 0;
}

static int connect_unix(const struct endpoint *endpoint)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static_assert(sizeof(address.sun_path) == ENDPOINT_HOST_MAX, "a host holds any path");
    memcpy(address.sun_path, endpoint->host, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_tcp(const struct addrinfo *found)
{
    int one = 1;
    int error = ECONNREFUSED;
    for (; found != NULL; found = found->ai_next) {
        int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
        if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            return fd;
        }
        error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    errno = error;
    return -1;
}

int endpoint_connect(const struct endpoint *endpoint, struct problem *problem)
{
    int fd = -1;
    if (endpoint->host[0] == '/') {
        fd = connect_unix(endpoint);
    } else {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        int status = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
        if (status != 0) {
            return problem_set(problem, "%s: cannot find %s:%s: %s", endpoint->name, endpoint->host,
                               endpoint->port, gai_strerror(status));
        }
        fd = connect_tcp(found);
        freeaddrinfo(found);
    }
    if (fd < 0) {
        int error = errno;
        bool has_port = endpoint->port[0] != '\0';
        return problem_set(problem, "%s: cannot connect to %s%s%s: %s", endpoint->name,
                           endpoint->host, has_port ? ":" : "", endpoint->port,
                           strerrordesc_np(error));
    }
    return fd;
}
