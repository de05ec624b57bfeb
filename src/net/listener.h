/* listener.h - listening sockets: TCP v4 and v6, and unix.
 *
 * The file of a unix socket is made and removed under a lock on "<path>.lock", which exists
 * only meanwhile: of several servers that start and stop at one path at a time, none removes
 * the socket of another. What was bound there by somebody else in between stays, too.
 *
 * Threads: the thread that opened it.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LISTENER_ADDRESS_MAX = 128,
    LISTENER_KEEPALIVE_MAX = 32767, // Of the kernel.
};

struct listener {
    int fd;
    bool is_unix;
    uint16_t port; // TCP: the port, also when 0 was asked for.
    dev_t device;  // Unix: which file the socket is.
    ino_t inode;
    char address[LISTENER_ADDRESS_MAX]; // "127.0.0.1:1234", "[::1]:1234" or the path.
};

/* Listen on a numeric v4 or v6 address or a host name; port 0 picks a free one.
 * 0 or negative errno (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -EINVAL: no such
 * address). The socket is non-blocking and close-on-exec. */
NODISCARD int listener_open_tcp(struct listener *listener, const char *host, uint16_t port);

/* Probe connections accepted from now on that are silent for `seconds` (0: never, up to
 * LISTENER_KEEPALIVE_MAX), and give up those whose peer does not answer three probes, a third
 * of that apart. Unix sockets need none. 0 or negative errno. */
NODISCARD int listener_set_keepalive(const struct listener *listener, unsigned seconds);

/* Listen on a unix socket. A socket file nobody listens on is replaced; one in
 * use is -EADDRINUSE; other files are -EEXIST. `mode` 0 leaves the umask's. */
NODISCARD int listener_open_unix(struct listener *listener, const char *path, mode_t mode);

/* Accept one connection: non-blocking, close-on-exec, TCP_NODELAY; its peer as
 * text, "127.0.0.1:51000" ("path:0" for unix). Those that failed on the way are passed
 * over. The descriptor, or negative errno (-EAGAIN: none waiting; -EMFILE, -ENFILE: at the
 * limit of descriptors). After other errors the connection still waits: try again later. */
NODISCARD int listener_accept(struct listener *listener, char peer_out[LISTENER_ADDRESS_MAX]);

/* The connection's own address as text; that of a unix socket is its peer's. */
void listener_local_address(int fd, const char *peer, char out[LISTENER_ADDRESS_MAX]);

/* Close it and remove the unix socket's file if that is still its own. Harmless on one not open (fd -1). */
void listener_close(struct listener *listener);
