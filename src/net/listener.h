/* listener.h - listening sockets: TCP v4 and v6, and unix.
 *
 * Threads: the thread that opened it.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LISTENER_ADDRESS_MAX = 128 };

struct listener {
    int fd;
    bool is_unix;
    uint16_t port;                      // TCP: the port, also when 0 was asked for.
    char address[LISTENER_ADDRESS_MAX]; // "127.0.0.1:1234", "[::1]:1234" or the path.
};

/* Listen on a numeric v4 or v6 address or a host name; port 0 picks a free one.
 * 0 or negative errno (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -EINVAL: no such
 * address). The socket is non-blocking and close-on-exec. */
NODISCARD int listener_open_tcp(struct listener *listener, const char *host, uint16_t port);

/* Listen on a unix socket. A socket file nobody listens on is replaced; one in
 * use is -EADDRINUSE; other files are -EEXIST. `mode` 0 leaves the umask's. */
NODISCARD int listener_open_unix(struct listener *listener, const char *path, mode_t mode);

/* Accept one connection: non-blocking, close-on-exec, TCP_NODELAY; its peer as
 * text, "127.0.0.1:51000" ("path:0" for unix). The descriptor, or negative errno
 * (-EAGAIN: none waiting; -EMFILE, -ENFILE: at the limit of descriptors). */
NODISCARD int listener_accept(struct listener *listener, char peer_out[LISTENER_ADDRESS_MAX]);

/* Close it and remove the unix socket's file. Harmless on one not open (fd -1). */
void listener_close(struct listener *listener);
