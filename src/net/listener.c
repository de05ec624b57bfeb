/* listener.c - listening sockets: TCP v4 and v6, and unix. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    KEEPALIVE_PROBES = 3,
    LOCK_TRIES = 100, // In a second: what is locked takes some system calls.
    LOCK_PAUSE_NS = 10 * 1000 * 1000,
};

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

/* What is sent and not acknowledged is given up by the kernel's own limits. TCP_USER_TIMEOUT
 * would shorten them, but also end connections whose peer is alive and does not read. */
int listener_set_keepalive(const struct listener *listener, unsigned seconds)
{
    if (listener->is_unix) {
        return 0;
    }
    // Accepted sockets inherit them.
    int fd = listener->fd;
    int on = seconds > 0;
    int idle_s = (int)seconds;
    int interval_s = seconds < KEEPALIVE_PROBES ? 1 : (int)seconds / KEEPALIVE_PROBES;
    int probes = KEEPALIVE_PROBES;
    if (on && (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s)) < 0 ||
               setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s)) < 0 ||
               setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes)) < 0)) {
        return -errno;
    }
    return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ? -errno : 0;
}

// ---- unix sockets ----

/* The file whose lock guards a socket's. */
struct path_lock {
    int fd;
    char path[LISTENER_ADDRESS_MAX + sizeof(".lock")];
};

/* Whether the locked file is still the one at its path: who held it before has removed it. */
static bool is_at_path(const struct path_lock *lock)
{
    struct stat locked;
    struct stat present;
    return fstat(lock->fd, &locked) == 0 && lstat(lock->path, &present) == 0 &&
           locked.st_dev == present.st_dev && locked.st_ino == present.st_ino;
}

/* Lock a socket's path. 0 or negative errno (-EADDRINUSE: held by another for a second). */
static int path_lock_take(struct path_lock *lock, const char *path)
{
    (void)snprintf(lock->path, sizeof(lock->path), "%s.lock", path);
    for (int i = 0; i < LOCK_TRIES; i++) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock->fd < 0) {
            return -errno;
        }
        bool is_locked = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
        if (is_locked && is_at_path(lock)) {
            return 0;
        }
        (void)close(lock->fd);
        if (!is_locked) {
            (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
        }
    }
    return -EADDRINUSE;
}

static void path_lock_release(struct path_lock *lock)
{
    (void)unlink(lock->path); // Before it is unlocked: nobody else's.
    (void)close(lock->fd);
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

/* Bind a socket with permissions, and listen; its file in *status_out. 0 or negative errno.
 * Nobody can connect before listen, and the file is at no time more open than asked for. */
static int bind_path(int fd, const struct sockaddr_un *address, mode_t mode,
                     struct stat *status_out)
{
    if ((mode != 0 && fchmod(fd, mode) < 0) ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        return -errno;
    }
    const char *path = address->sun_path;
    // The umask has been applied: grant what it has taken. Not where a link leads to.
    if ((mode != 0 && fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) < 0) ||
        lstat(path, status_out) < 0 || listen(fd, SOMAXCONN) < 0) {
        int error = -errno;
        unlink(path);
        return error;
    }
    return 0;
}

/* The socket in place of one that nobody listens on, or negative errno. */
static int replace_stale(const struct sockaddr_un *address, mode_t mode, struct stat *status_out)
{
    int error = remove_stale(address);
    if (error < 0) {
        return error;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    error = bind_path(fd, address, mode, status_out);
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

int listener_open_unix(struct listener *listener, const char *path, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(address.sun_path)) {
        return size == 0 ? -EINVAL : -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, size);
    struct path_lock lock;
    int error = path_lock_take(&lock, path);
    if (error < 0) {
        return error;
    }
    struct stat status;
    int fd = replace_stale(&address, mode, &status);
    path_lock_release(&lock);
    if (fd < 0) {
        return fd;
    }
    *listener = (struct listener){
        .fd = fd, .is_unix = true, .device = status.st_dev, .inode = status.st_ino};
    memcpy(listener->address, path, size + 1);
    return 0;
}

/* Remove its file, unless another stands there by now. Where there is no lock to be had, the
 * file stays: who binds there next finds that nobody listens. */
static void remove_path(const struct listener *listener)
{
    struct path_lock lock;
    if (path_lock_take(&lock, listener->address) < 0) {
        return;
    }
    struct stat status;
    if (lstat(listener->address, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode) {
        (void)unlink(listener->address);
    }
    path_lock_release(&lock);
}

// ---- accepting ----

/* Errors of a connection that is gone, not of accepting: the next one may be had at once. */
static bool is_of_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN: // From here on what went wrong on the network meanwhile, see accept(2).
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

int listener_accept(struct listener *listener, char peer_out[LISTENER_ADDRESS_MAX])
{
    union address peer = {0};
    int fd;
    do {
        socklen_t size = sizeof(peer);
        fd = accept4(listener->fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && is_of_connection(errno));
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

void listener_local_address(int fd, const char *peer, char out[LISTENER_ADDRESS_MAX])
{
    union address address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size) == 0 &&
        (address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6)) {
        format_address(&address, out);
    } else {
        (void)snprintf(out, LISTENER_ADDRESS_MAX, "%s", peer);
    }
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0) {
        return;
    }
    if (listener->is_unix) {
        remove_path(listener);
    }
    close(listener->fd);
    listener->fd = -1;
}
