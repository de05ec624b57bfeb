/* listener.c - listening sockets: TCP v4 and v6, and unix. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(":0") <= LISTENER_ADDRESS_MAX,
              "a path and \":0\" fit");

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

static uint16_t port_of(const union address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

static void format_address(const union address *address, char out[LISTENER_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = port_of(address);
    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(out, LISTENER_ADDRESS_MAX, "[%s]:%u", host, port);
    } else {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        snprintf(out, LISTENER_ADDRESS_MAX, "%s:%u", host, port);
    }
}

/* A listening socket on one address, or negative errno. */
static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int one = 1;
    // V6ONLY lets 0.0.0.0 and :: be bound side by side. Accepted sockets inherit NODELAY.
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
        (address->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int error_of_lookup(int code)
{
    if (code == EAI_SYSTEM) {
        return -errno;
    }
    return code == EAI_MEMORY ? -ENOMEM : -EINVAL;
}

int listener_open_tcp(struct listener *listener, const char *host, uint16_t port)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    int code = getaddrinfo(host, service, &hints, &addresses);
    if (code != 0) {
        return error_of_lookup(code);
    }
    int fd = -EINVAL;
    for (const struct addrinfo *at = addresses; at != NULL && fd < 0; at = at->ai_next) {
        fd = listen_on(at);
    }
    freeaddrinfo(addresses);
    if (fd < 0) {
        return fd;
    }
    union address bound = {0};
    socklen_t size = sizeof(bound);
    if (getsockname(fd, &bound.any, &size) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *listener = (struct listener){.fd = fd, .port = port_of(&bound)};
    format_address(&bound, listener->address);
    return 0;
}

/* Make way for a socket file: 0 where there is none, or nobody listens on it any
 * more; negative errno where it is in use or another file. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
    close(fd);
    // A full backlog (EAGAIN) has a listener, too.
    if (error == 0 || error == EAGAIN) {
        return -EADDRINUSE;
    }
    if (error != ECONNREFUSED) {
        return -error;
    }
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int listener_open_unix(struct listener *listener, const char *path, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(address.sun_path)) {
        return size == 0 ? -EINVAL : -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, size);
    int error = remove_stale(&address);
    if (error < 0) {
        return error;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    // Nobody can connect before listen, so none gets in with the umask's permissions.
    if ((mode != 0 && chmod(path, mode) < 0) || listen(fd, SOMAXCONN) < 0) {
        error = -errno;
        unlink(path);
        close(fd);
        return error;
    }
    *listener = (struct listener){.fd = fd, .is_unix = true};
    memcpy(listener->address, path, size + 1);
    return 0;
}

int listener_accept(struct listener *listener, char peer_out[LISTENER_ADDRESS_MAX])
{
    union address peer = {0};
    int fd;
    do {
        socklen_t size = sizeof(peer);
        fd = accept4(listener->fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return -errno;
    }
    if (listener->is_unix) {
        snprintf(peer_out, LISTENER_ADDRESS_MAX, "%.*s:0", LISTENER_ADDRESS_MAX - 3,
                 listener->address);
    } else {
        format_address(&peer, peer_out);
    }
    return fd;
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0) {
        return;
    }
    if (listener->is_unix) {
        unlink(listener->address);
    }
    close(listener->fd);
    listener->fd = -1;
}
