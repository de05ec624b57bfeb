"""Clients for both protocols, and raw connections.

A reply becomes a Python value:

    status   str        +OK, +PONG
    value    bytes      $5 hello, +VALUE 5 hello
    nil      None       $-1, *-1, +NIL
    integer  int        :7
    array    list
    error    Error      compares by its text, is returned and not raised
"""

import socket
import threading


class Closed(Exception):
    """The server closed the connection."""


class Error:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Error) and self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def __repr__(self):
        return f'Error({self.text!r})'


def to_bytes(arg):
    if isinstance(arg, (bytes, bytearray)):
        return bytes(arg)
    if isinstance(arg, str):
        return arg.encode()
    if isinstance(arg, int):
        return b'%d' % arg
    return repr(arg).encode()


class Connection:
    """A socket, a buffer of what arrived, and the raw operations."""

    # Below this, a request goes out in one send before any reply is read.
    SEND_AT_ONCE = 16 * 1024

    def __init__(self, address, timeout=30.0, receive_buffer=None):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            family = socket.AF_INET6 if ':' in address[0] else socket.AF_INET
            self.sock = socket.socket(family, socket.SOCK_STREAM)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(address)
        except BaseException:
            self.sock.close()
            raise
        self.buffer = bytearray()
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def finish_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def _fill(self):
        if self.at > 1 << 20 or self.at == len(self.buffer):
            del self.buffer[:self.at]
            self.at = 0
        try:
            data = self.sock.recv(256 * 1024)
        except ConnectionError as why:
            raise Closed(str(why)) from None
        if not data:
            raise Closed('end of stream with %d bytes of a reply' % (len(self.buffer) - self.at))
        self.buffer += data

    def line(self):
        """The next line with its end."""
        start = self.at
        while True:
            end = self.buffer.find(b'\n', start)
            if end >= 0:
                found = bytes(self.buffer[self.at:end + 1])
                self.at = end + 1
                return found
            start = len(self.buffer) - self.at
            self._fill()
            start += self.at

    def exactly(self, size):
        have = len(self.buffer) - self.at
        if have >= size:
            found = bytes(self.buffer[self.at:self.at + size])
            self.at += size
            return found
        found = bytearray(size)
        found[:have] = self.buffer[self.at:]
        self.buffer.clear()
        self.at = 0
        rest = memoryview(found)[have:]
        while rest:
            try:
                count = self.sock.recv_into(rest)
            except ConnectionError as why:
                raise Closed(str(why)) from None
            if count == 0:
                raise Closed('end of stream inside a value')
            rest = rest[count:]
        return bytes(found)

    def until_closed(self):
        """Everything that still comes before the server closes the connection."""
        try:
            while True:
                self._fill()
        except Closed:
            pass
        rest = bytes(self.buffer[self.at:])
        self.buffer.clear()
        self.at = 0
        return rest

    def while_sending(self, data, receive):
        """Send `data` while `receive()` reads: a server that is not read stops reading."""
        if len(data) <= self.SEND_AT_ONCE:
            self.send(data)
            return receive()

        def send():
            try:
                self.sock.sendall(data)
            except OSError:
                pass  # The reading side sees how the connection ended.

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        result = receive()
        sender.join()
        return result


class Client(Connection):
    """Requests and replies; a protocol adds encode() and reply()."""

    def __call__(self, *args):
        return self.while_sending(self.encode(args), self.reply)

    def pipeline(self, requests):
        """The replies to requests (tuples of arguments) that are sent all at once."""
        data = b''.join(map(self.encode, requests))
        return self.while_sending(data, lambda: [self.reply() for _ in requests])


class RespClient(Client):
    def encode(self, args):
        parts = [b'*%d\r\n' % len(args)]
        for arg in args:
            if type(arg) is not bytes:
                arg = to_bytes(arg)
            parts.append(b'$%d\r\n%b\r\n' % (len(arg), arg))
        return b''.join(parts)

    def reply(self):
        line = self.line()
        if line[-2:] != b'\r\n':
            raise AssertionError(f'a RESP line that does not end in CR LF: {line!r}')
        kind, rest = line[:1], line[1:-2]
        if kind == b'$':
            size = int(rest)
            if size < 0:
                return None
            value = self.exactly(size + 2)
            if value[-2:] != b'\r\n':
                raise AssertionError(f'a RESP value of {size} bytes ends in {value[-2:]!r}')
            return value[:-2]
        if kind == b':':
            return int(rest)
        if kind == b'+':
            return rest.decode()
        if kind == b'*':
            size = int(rest)
            return None if size < 0 else [self.reply() for _ in range(size)]
        if kind == b'-':
            return Error(rest.decode(errors='backslashreplace'))
        raise AssertionError(f'not a RESP reply: {line!r}')


PLAIN = frozenset(b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
                  b'_-+.:,;/()[]{}<>*?!^$%&=@#~|')


def quote(word):
    """A word of a native request line that stands for these bytes."""
    word = to_bytes(word)
    if word and all(byte in PLAIN for byte in word):
        return word
    return b'"' + b''.join(b'%c' % byte if byte in PLAIN or byte == 0x20 else b'\\x%02x' % byte
                           for byte in word) + b'"'


class TextClient(Client):
    """The native text protocol; SET in the form of RESP is sent with a payload."""

    def encode(self, args):
        if len(args) >= 3 and to_bytes(args[0]).upper() == b'SET':
            value = to_bytes(args[2])
            words = [b'SET', quote(args[1]), b'0', b'%d' % len(value), *map(quote, args[3:])]
            return b' '.join(words) + b'\n' + value + b'\n'
        return b' '.join(map(quote, args)) + b'\n'

    def reply(self):
        line = self.line()
        if line[-2:] == b'\r\n':
            raise AssertionError(f'a text reply line that ends in CR LF: {line!r}')
        kind, rest = line[:1], line[1:-1]
        if kind == b'+':
            if rest[:6] == b'VALUE ':
                size = int(rest[6:])
                value = self.exactly(size + 1)
                if value[-1:] != b'\n':
                    raise AssertionError(f'a text value of {size} bytes ends in {value[-1:]!r}')
                return value[:-1]
            return None if rest == b'NIL' else rest.decode()
        if kind == b':':
            return int(rest)
        if kind == b'*':
            return [self.reply() for _ in range(int(rest))]
        if kind == b'-':
            return Error(rest.decode(errors='backslashreplace'))
        raise AssertionError(f'not a text reply: {line!r}')
