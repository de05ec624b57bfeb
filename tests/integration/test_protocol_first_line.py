"""What the first line of a connection decides, and what is sent by tools of Redis."""

import shutil
import subprocess

from harness import Error, ServerCase, fastkv_only, patience

RESP_PING = b'*1\r\n$4\r\nPING\r\n'
TLS_HELLO = bytes.fromhex('1603010200010001fc0303') + b'\x5a' * 500


@fastkv_only('speaks RESP only')
class FirstLine(ServerCase):
    def answers(self, request, reply, byte_by_byte=False):
        """A new connection that sends `request` gets exactly `reply`, and stays in step."""
        connection = self.raw()
        if byte_by_byte:
            for i in range(len(request)):
                connection.send(request[i:i + 1])
        else:
            connection.send(request)
        got = connection.exactly(len(reply))
        self.assertEqual(got, reply, request)
        connection.finish_sending()
        self.assertEqual(connection.until_closed(), b'', request)

    def both_ways(self, request, reply):
        self.answers(request, reply)
        self.answers(request, reply, byte_by_byte=True)

    def test_star_is_resp(self):
        self.both_ways(RESP_PING + b'PING\r\n' + RESP_PING + b'PING\n', b'+PONG\r\n' * 4)

    def test_cr_lf_is_redis_inline_form(self):
        self.both_ways(b'PING\r\n', b'+PONG\r\n')
        self.both_ways(b'PING\r\n' + RESP_PING + b'ping\n', b'+PONG\r\n' * 3)
        self.both_ways(b'SET k "a b"\r\nGET k\r\n', b'+OK\r\n$3\r\na b\r\n')
        self.both_ways(b"SET k 5 EX 100\r\nGET 'k'\r\n", b'+OK\r\n$1\r\n5\r\n')
        self.both_ways(b'SET k 5\r\nGET absent\r\n', b'+OK\r\n$-1\r\n')

    def test_lf_alone_is_native_text(self):
        self.both_ways(b'PING\nPING\r\n', b'+PONG\n' * 2)
        self.both_ways(b'SET k 0 5\nhello\nGET k\n', b'+OK\n+VALUE 5\nhello\n')

    def test_native_set_is_native_text_whatever_its_end(self):
        self.both_ways(b'SET k 0 5\r\nhello\r\nGET k\r\n', b'+OK\n+VALUE 5\nhello\n')
        self.both_ways(b'set k 100 2 XX\r\nhi\r\nGET k\n', b'+OK\n+VALUE 2\nhi\n')
        self.both_ways(b'"SET" \'k\' "0" 2\r\nhi\r\nGET k\n', b'+OK\n+VALUE 2\nhi\n')

    def test_empty_lines_decide_nothing(self):
        self.both_ways(b'\r\n\n \r\nPING\n', b'+PONG\n')
        self.both_ways(b'\n\r\n\nPING\r\n', b'+PONG\r\n')
        self.both_ways(b'\r\n' + RESP_PING, b'+PONG\r\n')
        self.answers(b'\r\n' * 100_000 + b'\n' * 100_000 + b'PING\n', b'+PONG\n')

    def test_mistakes_in_the_first_line(self):
        self.both_ways(b'SET k v\n', b'-ERR wrong number of words, it is: SET key expiry length, '
                                     b'and the value on the next line\n')
        self.both_ways(b'GET "a\nPING\n', b'-ERR unbalanced quotes\n+PONG\n')
        self.both_ways(b'GET "a\r\n', b'-ERR Protocol error: unbalanced quotes in request\r\n')

    def closes(self, request, text):
        connection = self.client('resp')
        try:
            connection.send(request)
        except ConnectionError:
            pass
        self.assertEqual(connection.reply(), Error(text))
        self.assertEqual(connection.until_closed(), b'')

    def test_bytes_of_no_protocol_close(self):
        self.closes(TLS_HELLO, 'ERR Protocol error: this port does not speak TLS')
        self.closes(b'\x16', 'ERR Protocol error: this port does not speak TLS')
        for first in (b'\0', b'\x01', b'\x7f', b'\x80', b'\xff'):
            self.closes(first + b'FLUSHALL\r\nFLUSHALL\r\n',
                        'ERR Protocol error: no request begins with this byte')

    def test_first_line_has_a_limit(self):
        word = b'x' * (64 * 1024 - 10)
        self.answers(b'ECHO ' + word + b'\r\n', b'$%d\r\n%b\r\n' % (len(word), word))
        self.answers(b'ECHO ' + word + b'\n', b'+VALUE %d\n%b\n' % (len(word), word))
        self.closes(b'x' * (64 * 1024 + 1), 'ERR Protocol error: too big inline request')
        self.closes(b'ECHO ' + b'x' * (64 * 1024) + b'\r\n',
                    'ERR Protocol error: too big inline request')

    def test_many_connections_inside_their_first_line(self):
        connections = [self.raw() for _ in range(100)]
        for part in (b'P', b'I', b'NG', b'\r'):
            for connection in connections:
                connection.send(part)
        self.expect('PONG', 'PING')
        for i, connection in enumerate(connections):
            connection.send(b'\n' if i % 2 else b'\r\n')
        for connection in connections:
            self.assertIn(connection.line(), (b'+PONG\r\n', b"-ERR unknown command 'PING\r'"))


class Tools(ServerCase):
    def run_tool(self, *command, stdin=None):
        if shutil.which(command[0]) is None:
            self.skipTest(f'{command[0]} is not installed')
        host, port = self.server.address
        done = subprocess.run([command[0], '-h', host, '-p', str(port), *command[1:]],
                              input=stdin, capture_output=True, timeout=patience(60), check=False)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout + done.stderr

    def test_redis_benchmark(self):
        out = self.run_tool('redis-benchmark', '-n', '1000', '-q', '-t',
                            'ping,set,get,incr,zadd,zpopmin,mset')
        for name in (b'PING_INLINE', b'PING_MBULK', b'SET', b'GET', b'INCR', b'ZADD', b'ZPOPMIN',
                     b'MSET'):
            self.assertRegex(out, name + rb'[^\n]*: [0-9.]+ requests per second')
        self.assertNotIn(b'rror', out)

    def test_redis_benchmark_of_inline_commands_in_a_pipeline(self):
        out = self.run_tool('redis-benchmark', '-n', '10000', '-P', '16', '-q', '-t', 'ping')
        self.assertIn(b'PING_INLINE', out)

    def test_redis_cli_pipe_of_plain_lines(self):
        lines = b''.join(b'SET key:%d "value %d"\r\n' % (i, i) for i in range(1000))
        out = self.run_tool('redis-cli', '--pipe', stdin=lines)
        self.assertIn(b'errors: 0, replies: 1000', out)
        self.expect(1000, 'DBSIZE')
        self.expect(b'value 999', 'GET', 'key:999')

    def test_redis_cli_pipe_of_arrays(self):
        data = b''.join(self.c.encode(('SET', f'key:{i}', i)) for i in range(1000))
        out = self.run_tool('redis-cli', '--pipe', stdin=data)
        self.assertIn(b'errors: 0, replies: 1000', out)
        self.expect(1000, 'DBSIZE')
