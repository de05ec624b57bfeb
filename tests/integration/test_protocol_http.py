"""HTTP on the port, and that no web page can send commands through a browser."""

import itertools

from harness import ServerCase, fastkv_only, wait_until

HOST = b'Host: 127.0.0.1:1234\r\n'


@fastkv_only('does not speak HTTP')
class Http(ServerCase):
    def ask(self, request, byte_by_byte=False, ends=False):
        """All that a new connection answers to `request` before the server closes it."""
        connection = self.raw()
        for part in ([request[i:i + 1] for i in range(len(request))] if byte_by_byte
                     else [request]):
            try:
                connection.send(part)
            except ConnectionError:
                break  # It was answered and closed before all of it was sent.
        if ends:
            try:
                connection.finish_sending()
            except OSError:
                pass  # Closed before.
        return connection.until_closed()

    def answers(self, request, status, body=None):
        for byte_by_byte in (False, True):
            got = self.ask(request, byte_by_byte)
            head, _, rest = got.partition(b'\r\n\r\n')
            lines = head.split(b'\r\n')
            self.assertTrue(lines[0].startswith(b'HTTP/1.1 %d ' % status), (request, got))
            self.assertIn(b'Connection: close', lines)
            if body is not None:
                self.assertEqual(rest, body)
            size = int(next(line for line in lines if line.startswith(b'Content-Length'))[15:])
            if not request.startswith(b'HEAD'):
                self.assertEqual(size, len(rest))
            self.assertLessEqual(rest.count(b'\n'), 1)

    def test_health(self):
        self.answers(b'GET /health HTTP/1.1\r\n' + HOST + b'\r\n', 200, b'ok\n')
        self.answers(b'GET /health?verbose HTTP/1.0\r\n\r\n', 200, b'ok\n')
        self.answers(b'GET /health HTTP/1.1\n\n', 200, b'ok\n')
        self.answers(b'HEAD /health HTTP/1.1\r\n' + HOST + b'\r\n', 200, b'')

    def test_other_paths_and_methods(self):
        self.answers(b'GET / HTTP/1.1\r\n' + HOST + b'\r\n', 404, b'not found\n')
        self.answers(b'HEAD /x HTTP/1.1\r\n' + HOST + b'\r\n', 404, b'')
        for method in (b'POST', b'PUT', b'DELETE', b'OPTIONS', b'TRACE', b'CONNECT', b'FLUSHALL',
                       b'SET', b'get'):
            self.answers(method + b' /health HTTP/1.1\r\n' + HOST + b'\r\n', 405)

    def test_malformed(self):
        for request in (b'GET /a b HTTP/1.1\r\n\r\n', b'GET /health HTTP/1.1\r\nFLUSHALL\r\n\r\n',
                        b"GET /'a HTTP/1.1 \r\n\r\n", b'GET x HTTP/1.1\r\n\r\n'):
            self.answers(request, 400)
        self.answers(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505)
        self.answers(b'GET / HTTP/1.1\r\nA: ' + b'x' * 8192, 431)
        self.answers(b'GET /' + b'x' * 8192 + b' HTTP/1.1\r\n\r\n', 431)

    def test_client_that_goes_on_sending_is_not_reset(self):
        connection = self.raw()
        connection.send(b'POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n')
        self.assertTrue(connection.line().startswith(b'HTTP/1.1 405 '))
        self.assertTrue(connection.until_closed().endswith(b'are allowed\n'))
        for _ in range(100):
            connection.send(b'FLUSHALL\r\n' * 100)
        self.expect('PONG', 'PING')

    def test_client_that_never_ends_is_closed_all_the_same(self):
        connections = [self.raw() for _ in range(10)]
        for connection in connections:
            connection.send(b'POST / HTTP/1.1\r\n\r\n')
            connection.until_closed()
        wait_until(lambda: self.server.info('clients')['connected_clients'] == '2')
        with self.assertRaises(OSError):
            for connection in connections * 2:
                connection.send(b'FLUSHALL\r\n')

    def test_endless_body_is_cut_off(self):
        connection = self.raw()
        connection.send(b'POST / HTTP/1.1\r\n\r\n')
        with self.assertRaises(OSError):
            for _ in range(1000):
                connection.send(b'FLUSHALL\r\n' * 10_000)
        self.expect('PONG', 'PING')

    def test_end_inside_a_head(self):
        for part in (b'GET / HTTP/1.1', b'GET / HTTP/1.1\r\n', b'GET / HTTP/1.1\r\nHost: x\r\n'):
            connection = self.raw()
            connection.send(part)
            connection.finish_sending()
            self.assertEqual(connection.until_closed(), b'')

    # ---- no byte of it is a command ----

    def unharmed(self, request, byte_by_byte=False):
        self.ask(request, byte_by_byte, ends=True)
        if self.c('GET', 'guard') != b'here' or self.c('DBSIZE') != 1:
            self.fail(f'a command was executed out of {request!r}')

    def test_no_command_of_a_request_is_executed(self):
        self.c('SET', 'guard', 'here')
        evil = (b'FLUSHALL', b'*1\r\n$8\r\nFLUSHALL', b'SET guard 0 4\nevil', b'SET guard evil',
                b'\r\n\r\nFLUSHALL', b'DEL guard')
        for method, end, command in itertools.product((b'POST', b'GET', b'PUT', b'OPTIONS', b'HEAD'),
                                                      (b'\r\n', b'\n'), evil):
            line = method + b' / HTTP/1.1' + end
            head = line + b'Host: 127.0.0.1:1234' + end
            length = b'Content-Length: %d' % (len(command) + len(end))
            for request in (
                    head + length + end + end + command + end,            # As a body,
                    head + end + command + end,                           # behind the request,
                    head + command + end + end,                           # as a line of the head,
                    line + command + b': x' + end + end,                  # as a field's name,
                    line + b'A: b' + end + b' ' + command + end + end,    # as a folded line,
                    head + end + command + end + head + end + command + end):
                self.unharmed(request)
        self.unharmed(head + length + end + end + command + end, byte_by_byte=True)

    def test_no_command_of_odd_request_lines_is_executed(self):
        self.c('SET', 'guard', 'here')
        for line in (b'POST /a b HTTP/1.1', b"POST /'a HTTP/1.1", b'POST  /  HTTP/1.1',
                     b'POST / HTTP/1.1 ', b'POST / HTTP/9.9', b'POST /', b'post / http/1.1',
                     b'POST', b'POST / HTTP/1.1 x', b'*POST / HTTP/1.1'):
            for end in (b'\r\n', b'\n'):
                for rest in (b'FLUSHALL', b'Host: x' + end + b'FLUSHALL'):
                    self.unharmed(line + end + rest + end + end)

    def test_request_after_commands_closes(self):
        self.c('SET', 'guard', 'here')
        ping = {'resp': b'*1\r\n$4\r\nPING\r\n', 'inline': b'PING\r\n', 'text': b'PING\n'}
        for before in ping.values():
            for end in (b'\r\n', b'\n'):
                for request in (b'POST / HTTP/1.1' + end + b'Host: x' + end + end,
                                b'GET / HTTP/1.1' + end + b'Host: x' + end + end,
                                b'post' + end, b'hOsT:' + end, b'Host: x y z' + end):
                    connection = self.raw()
                    connection.send(before)
                    self.assertEqual(connection.line().rstrip(), b'+PONG')
                    connection.send(request + b'FLUSHALL' + end + b'DEL guard' + end)
                    rest = connection.until_closed()
                    self.assertNotIn(b'+OK', rest, request)
                    self.assertNotIn(b':1', rest, request)
                    self.assertEqual(self.c('GET', 'guard'), b'here', request)

    def test_http_as_a_command_of_an_array_closes(self):
        for name in ('POST', 'Host:'):
            client = self.client()
            client.send(client.encode(('PING',)) + client.encode((name, 'x'))
                        + client.encode(('SET', 'k', 'v')))
            self.assertEqual(client.until_closed(), b'+PONG\r\n')
        self.expect(0, 'EXISTS', 'k')
        self.expect(None, 'GET', 'POST')

    def test_names_of_http_are_fine_as_arguments(self):
        self.expect('OK', 'SET', 'POST', 'Host:')
        self.expect(b'Host:', 'GET', 'POST')

    def test_log_tells_of_it_once(self):
        for _ in range(10):
            client = self.client()
            client.send(b'PING\r\nPOST x\r\n')
            client.until_closed()
        log = self.server.read('stderr')
        self.assertGreaterEqual(log.count(b'possible SECURITY ATTACK'), 1)
        self.assertLessEqual(log.count(b'possible SECURITY ATTACK'), self.workers)
