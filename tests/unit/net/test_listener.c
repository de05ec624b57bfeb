/* test_listener.c - listening on TCP and unix sockets. */
#include "net/listener.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_v4(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Accept one that is on its way. */
static int accept_one(struct listener *listener, char peer_out[LISTENER_ADDRESS_MAX])
{
    struct pollfd ready = {.fd = listener->fd, .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, 10000), 1);
    int fd = listener_accept(listener, peer_out);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void expect_flags(int fd)
{
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

/* A path in a fresh directory. */
static void make_path(char directory[64], char path[96])
{
    snprintf(directory, 64, "%s/test_listener.XXXXXX", P_tmpdir);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, 96, "%s/socket", directory);
}

TEST(port_zero_picks_a_free_port_and_names_it)
{
    struct listener listener;
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", 0), 0);
    ck_assert_uint_ne(listener.port, 0);
    char expected[LISTENER_ADDRESS_MAX];
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", listener.port);
    ck_assert_str_eq(listener.address, expected);
    ck_assert(!listener.is_unix);
    expect_flags(listener.fd);
    listener_close(&listener);
    ck_assert_int_eq(listener.fd, -1);
    listener_close(&listener);
}

TEST(accepted_tcp_connections_are_ready_for_a_loop)
{
    struct listener listener;
    char peer[LISTENER_ADDRESS_MAX];
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", 0), 0);
    ck_assert_int_eq(listener_accept(&listener, peer), -EAGAIN);
    int client = connect_v4(listener.port);
    int fd = accept_one(&listener, peer);
    expect_flags(fd);
    int no_delay = 0;
    socklen_t size = sizeof(no_delay);
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    ck_assert_int_ne(no_delay, 0);

    struct sockaddr_in address;
    size = sizeof(address);
    ck_assert_int_eq(getsockname(client, (struct sockaddr *)&address, &size), 0);
    char expected[LISTENER_ADDRESS_MAX];
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", ntohs(address.sin_port));
    ck_assert_str_eq(peer, expected);
    close(fd);
    close(client);
    listener_close(&listener);
}

TEST(v6_addresses_are_written_in_brackets)
{
    struct listener listener;
    int error = listener_open_tcp(&listener, "::1", 0);
    if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT) {
        return; // A machine without v6.
    }
    ck_assert_int_eq(error, 0);
    char expected[LISTENER_ADDRESS_MAX];
    snprintf(expected, sizeof(expected), "[::1]:%u", listener.port);
    ck_assert_str_eq(listener.address, expected);

    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(listener.port),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    char peer[LISTENER_ADDRESS_MAX];
    int fd = accept_one(&listener, peer);
    ck_assert_mem_eq(peer, "[::1]:", 6);
    close(fd);
    close(client);
    listener_close(&listener);
}

TEST(all_v4_and_all_v6_addresses_share_a_port)
{
    struct listener v4;
    struct listener v6;
    ck_assert_int_eq(listener_open_tcp(&v4, "0.0.0.0", 0), 0);
    int error = listener_open_tcp(&v6, "::", v4.port);
    if (error != -EADDRNOTAVAIL && error != -EAFNOSUPPORT) {
        ck_assert_int_eq(error, 0);
        ck_assert_uint_eq(v6.port, v4.port);
        listener_close(&v6);
    }
    listener_close(&v4);
}

TEST(host_names_are_looked_up)
{
    struct listener listener;
    ck_assert_int_eq(listener_open_tcp(&listener, "localhost", 0), 0);
    listener_close(&listener);
}

TEST(failures_say_which_and_leave_the_listener_alone)
{
    struct listener first;
    struct listener listener = {.fd = -7};
    ck_assert_int_eq(listener_open_tcp(&first, "127.0.0.1", 0), 0);
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", first.port), -EADDRINUSE);
    ck_assert_int_eq(listener_open_tcp(&listener, "192.0.2.1", 0), -EADDRNOTAVAIL);
    ck_assert_int_eq(listener_open_tcp(&listener, "256.1.1.1.1", 0), -EINVAL);
    ck_assert_int_eq(listener_open_unix(&listener, "", 0), -EINVAL);
    ck_assert_int_eq(listener_open_unix(&listener, "/nowhere/at/all", 0), -ENOENT);
    char path[200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(listener_open_unix(&listener, path, 0), -ENAMETOOLONG);
    ck_assert_int_eq(listener.fd, -7);
    listener_close(&first);
}

TEST(a_port_is_free_again_at_once)
{
    struct listener listener;
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", 0), 0);
    uint16_t port = listener.port;
    int client = connect_v4(port);
    char peer[LISTENER_ADDRESS_MAX];
    close(accept_one(&listener, peer)); // We close first, so TIME_WAIT is ours.
    close(client);
    listener_close(&listener);
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", port), 0);
    listener_close(&listener);
}

TEST(the_limit_of_descriptors_is_an_error_of_its_own)
{
    struct listener listener;
    char peer[LISTENER_ADDRESS_MAX];
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", 0), 0);
    int client = connect_v4(listener.port);
    struct pollfd ready = {.fd = listener.fd, .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, 10000), 1);
    struct rlimit old;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    int next = dup(0);
    close(next);
    const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(listener_accept(&listener, peer), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(accept_one(&listener, peer));
    close(client);
    listener_close(&listener);
}

TEST(unix_sockets_have_their_mode_and_go_when_closed)
{
    struct listener listener;
    char directory[64];
    char path[96];
    make_path(directory, path);
    ck_assert_int_eq(listener_open_unix(&listener, path, 0600), 0);
    ck_assert(listener.is_unix);
    ck_assert_str_eq(listener.address, path);
    expect_flags(listener.fd);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);

    int client = connect_unix(path);
    char peer[LISTENER_ADDRESS_MAX];
    int fd = accept_one(&listener, peer);
    expect_flags(fd);
    char expected[LISTENER_ADDRESS_MAX];
    snprintf(expected, sizeof(expected), "%s:0", path);
    ck_assert_str_eq(peer, expected);
    close(fd);
    close(client);
    listener_close(&listener);
    ck_assert_int_eq(stat(path, &status), -1);
    rmdir(directory);
}

TEST(a_socket_file_is_replaced_only_when_nobody_listens)
{
    struct listener first;
    struct listener second;
    char directory[64];
    char path[96];
    make_path(directory, path);
    ck_assert_int_eq(listener_open_unix(&first, path, 0), 0);
    ck_assert_int_eq(listener_open_unix(&second, path, 0), -EADDRINUSE);
    close(first.fd); // As when a server is killed: the file stays.
    ck_assert_int_eq(listener_open_unix(&second, path, 0), 0);
    close(connect_unix(path));
    listener_close(&second);

    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert_int_eq(listener_open_unix(&second, path, 0), -EEXIST);
    ck_assert_int_eq(unlink(path), 0);
    rmdir(directory);
}

// ---- keepalive ----

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);
    ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

/* A connection that was accepted from it. */
static int accept_new(struct listener *listener)
{
    char peer[LISTENER_ADDRESS_MAX];
    int client = connect_v4(listener->port);
    int fd = accept_one(listener, peer);
    close(client);
    return fd;
}

TEST(silent_connections_are_probed_three_times)
{
    struct listener listener;
    ck_assert_int_eq(listener_open_tcp(&listener, "127.0.0.1", 0), 0);
    ck_assert_int_eq(listener_set_keepalive(&listener, 300), 0);
    int fd = accept_new(&listener);
    ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 300);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 100);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    close(fd);

    ck_assert_int_eq(listener_set_keepalive(&listener, 1), 0);
    fd = accept_new(&listener);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 1);
    close(fd);

    ck_assert_int_eq(listener_set_keepalive(&listener, LISTENER_KEEPALIVE_MAX), 0);
    ck_assert_int_eq(listener_set_keepalive(&listener, 0), 0);
    fd = accept_new(&listener);
    ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
    listener_close(&listener);
}

// ---- the files of unix sockets ----

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

TEST(the_mode_is_as_asked_for_whatever_the_umask)
{
    static const mode_t modes[] = {0777, 0770, 0700, 0666, 0200};
    static const mode_t masks[] = {0, 022, 077, 0777};
    char directory[64];
    char path[96];
    make_path(directory, path);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        for (size_t j = 0; j < sizeof(masks) / sizeof(masks[0]); j++) {
            struct listener listener;
            mode_t before = umask(masks[j]);
            ck_assert_int_eq(listener_open_unix(&listener, path, modes[i]), 0);
            umask(before);
            struct stat status;
            ck_assert_int_eq(stat(path, &status), 0);
            ck_assert_uint_eq(status.st_mode & 0777, modes[i]);
            listener_close(&listener);
        }
    }
    ck_assert_int_eq(rmdir(directory), 0); // No lock is left behind either.
}

TEST(a_socket_that_another_has_bound_since_stays)
{
    struct listener first;
    struct listener second;
    char directory[64];
    char path[96];
    make_path(directory, path);
    ck_assert_int_eq(listener_open_unix(&first, path, 0), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(listener_open_unix(&second, path, 0), 0);
    listener_close(&first);
    close(connect_unix(path));
    listener_close(&second);
    ck_assert(!exists(path));

    ck_assert_int_eq(listener_open_unix(&first, path, 0), 0);
    ck_assert_int_eq(unlink(path), 0);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    close(file);
    listener_close(&first);
    ck_assert(exists(path));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

TEST(a_link_at_the_path_is_not_followed)
{
    struct listener listener;
    char directory[64];
    char path[96];
    char target[128];
    make_path(directory, path);
    snprintf(target, sizeof(target), "%s-target", path);
    int file = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(listener_open_unix(&listener, path, 0777), -EEXIST);
    struct stat status;
    ck_assert_int_eq(fstat(file, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    close(file);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unlink(target), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* Who connects to the path arrives here, perhaps behind servers that look who listens. */
static void expect_own_connection(struct listener *listener)
{
    int client = connect_unix(listener->address);
    pid_t self = getpid();
    ck_assert_int_eq(write(client, &self, sizeof(self)), sizeof(self));
    pid_t found = 0;
    while (found == 0) {
        char peer[LISTENER_ADDRESS_MAX];
        int fd = accept_one(listener, peer);
        ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
        ssize_t size = read(fd, &found, sizeof(found));
        ck_assert(size == 0 || size == sizeof(found));
        close(fd);
    }
    ck_assert_int_eq(found, self);
    close(client);
}

/* As one of several servers: start, be there, and be killed or stopped, again and again. Every
 * connection to the path while it listens must be its own. */
static void start_and_stop(const char *path, unsigned seed)
{
    enum { ROUNDS = 1000 };
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct listener listener;
        int error = listener_open_unix(&listener, path, 0700);
        if (error < 0) {
            ck_assert_int_eq(error, -EADDRINUSE);
            continue;
        }
        if ((i + seed) % 8 == 0) { // Else the next one comes at once.
            expect_own_connection(&listener);
        }
        if ((i + seed) % 3 == 0) {
            listener_close(&listener);
        } else {
            close(listener.fd); // The file stays.
        }
    }
}

TEST(servers_that_start_at_one_path_at_a_time_do_not_lose_it)
{
    enum { SERVERS = 8 };
    char directory[64];
    char path[96];
    make_path(directory, path);
    pid_t servers[SERVERS];
    for (unsigned i = 0; i < SERVERS; i++) {
        servers[i] = fork();
        ck_assert_int_ge(servers[i], 0);
        if (servers[i] == 0) {
            start_and_stop(path, i);
            _exit(0);
        }
    }
    for (int i = 0; i < SERVERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(servers[i], &status, 0), servers[i]);
        ck_assert_int_eq(status, 0);
    }
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}
