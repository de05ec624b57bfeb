"""Connection and server: PING ECHO QUIT COMMAND COUNT TIME CONFIG GET HELP."""

import time

from harness import OK, Closed, Error, ServerCase, both_protocols, fastkv_only, patience


def flat(value):
    """All the text of a reply."""
    if isinstance(value, list):
        return b'\n'.join(flat(part) for part in value)
    return value.encode() if isinstance(value, str) else value


@both_protocols
class ServerCommands(ServerCase):
    def test_ping(self):
        self.expect('PONG', 'PING')
        self.expect('PONG', 'ping')
        self.expect(b'hello', 'PING', 'hello')
        self.expect(b'', 'PING', '')
        self.expect(b'\0\r\n', 'PING', b'\0\r\n')
        self.expect_arity('ping', ['PING', 'a', 'b'])

    def test_echo(self):
        self.expect(b'hello', 'ECHO', 'hello')
        self.expect(b'', 'ECHO', '')
        self.expect(bytes(range(256)), 'ECHO', bytes(range(256)))
        self.expect_arity('echo', ['ECHO'], ['ECHO', 'a', 'b'])

    def test_quit(self):
        self.assertEqual(self.c.pipeline([('SET', 'k', 'v'), ('QUIT',)]), [OK, OK])
        self.assertEqual(self.c.until_closed(), b'')

    def test_quit_ends_a_pipeline(self):
        data = b''.join(map(self.c.encode, [('INCR', 'n'), ('QUIT',), ('INCR', 'n')]))
        self.c.send(data)
        self.assertEqual(self.c.reply(), 1)
        self.assertEqual(self.c.reply(), OK)
        self.assertRaises(Closed, self.c.reply)
        self.assertEqual(self.client()('GET', 'n'), b'1')

    def test_command_count(self):
        count = self.c('COMMAND', 'COUNT')
        self.assertIsInstance(count, int)
        self.assertGreaterEqual(count, 53)
        self.expect(count, 'command', 'count')
        got = self.c('COMMAND', 'NOSUCH')
        self.assertEqual(got, Error("ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP."))

    def test_time(self):
        before = time.time()
        seconds, micros = self.c('TIME')
        after = time.time()
        self.assertTrue(0 <= int(micros) < 1_000_000)
        self.assertTrue(before - 0.01 <= int(seconds) + int(micros) / 1e6 <= after + 0.01)
        self.expect_arity('time', ['TIME', 'x'])

    def test_config_get(self):
        self.expect([b'databases', b'16'], 'CONFIG', 'GET', 'databases')
        self.assertEqual(self.c('config', 'get', 'DATABASES')[1:], [b'16'])
        self.expect([], 'CONFIG', 'GET', 'nosuchthing')
        both = self.c('CONFIG', 'GET', 'databases', 'timeout')
        self.assertEqual(dict(zip(both[::2], both[1::2])), {b'databases': b'16', b'timeout': b'0'})
        names = self.c('CONFIG', 'GET', '*')[::2]
        for name in (b'port', b'bind', b'databases', b'maxclients', b'timeout', b'unixsocket',
                     b'unixsocketperm', b'loglevel', b'logfile'):
            self.assertIn(name, names)
        self.assertEqual(self.c('CONFIG', 'GET', 'maxclients'), [b'maxclients', b'10000'])
        got = self.c('CONFIG', 'GET', 'data*', 'databases')
        self.assertEqual(got, [b'databases', b'16'])
        self.expect_arity('config', ['CONFIG'])
        self.expect_arity('config|get', ['CONFIG', 'GET'])
        self.assertEqual(self.c('CONFIG', 'NOSUCH', 'x'),
                         Error("ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP."))

    @fastkv_only('has transactions')
    def test_a_transaction_is_refused_as_a_whole(self):
        self.c('SET', 'k', 'before')
        refused = Error('ERR not executed, as the MULTI before it was refused')
        replies = self.c.pipeline([('MULTI',), ('SET', 'k', 'v'), ('INCR', 'n'), ('EXEC',),
                                   ('EXISTS', 'n'), ('GET', 'k')])
        self.assertIsInstance(replies[0], Error)
        self.assertEqual(replies[1:3], [refused, refused])
        self.assertEqual(replies[3], Error('EXECABORT Transaction discarded because of previous '
                                           'errors.'))
        self.assertEqual(replies[4:], [0, b'before'])

    @fastkv_only('has no HELP')
    def test_help(self):
        everything = flat(self.c('HELP')).upper()
        for name in (b'GET', b'SET', b'ZADD', b'ZRANGE', b'EXPIRE', b'SCAN', b'INFO', b'HELP'):
            self.assertIn(name, everything)
        one = flat(self.c('HELP', 'zadd'))
        self.assertIn(b'ZADD', one.upper())
        self.assertIn(b'score', one.lower())
        self.assertIsInstance(self.c('HELP', 'nosuch'), Error)
        self.expect('PONG', 'PING')

    def test_pong_comes_soon_after_connecting(self):
        began = time.monotonic()
        for _ in range(50):
            with self.server.client(self.protocol) as client:
                self.assertEqual(client('PING'), 'PONG')
        self.assertLess(time.monotonic() - began, patience(5))
