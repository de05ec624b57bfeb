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
