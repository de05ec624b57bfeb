"""CONFIG: reading settings, changing them while the server runs, and INFO's counts."""

import time

from harness import OK, Error, ServerCase, fastkv_only, patience, wait_until

REFUSED = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"


class Get(ServerCase):
    def settings(self, *patterns):
        flat = self.c('CONFIG', 'GET', *patterns)
        return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2])}

    def test_patterns(self):
        self.assertEqual(set(self.settings('max*clients', 'timeout')),
                         {'maxclients', 'maxmemory-clients', 'timeout'})
        self.assertEqual(self.settings('nosuchthing*'), {})

    @fastkv_only('has other defaults')
    def test_values(self):
        settings = self.settings('*')
        for name, value in (('bind', '127.0.0.1 -::1'), ('port', '0'), ('loglevel', 'notice'),
                            ('client-output-buffer-limit', 'normal 1073741824 0 0'),
                            ('client-query-buffer-limit', '1073741824'),
                            ('maxmemory-clients', '1073741824'), ('logfile', ''),
                            ('tcp-keepalive', '300'), ('appendonly', 'no')):
            self.assertEqual(settings[name], value)


class Set(ServerCase):
    def get(self, name):
        return self.c('CONFIG', 'GET', name)[1]

    def test_several_at_once(self):
        self.expect(OK, 'CONFIG', 'SET', 'timeout', 300, 'MaxClients', 5000)
        self.assertEqual((self.get('timeout'), self.get('maxclients')), (b'300', b'5000'))
        self.expect(OK, 'CONFIG', 'SET', 'timeout', 0, 'maxclients', 10000)

    def test_all_or_nothing(self):
        self.expect_error(REFUSED % ('timeout', "argument couldn't be parsed into an integer"),
                          'CONFIG', 'SET', 'maxclients', 77, 'timeout', 'x')
        self.assertEqual(self.get('maxclients'), b'10000')

    def test_units(self):
        for text, value in (('2mb', b'2097152'), ('3M', b'3000000'), ('1gb', b'1073741824')):
            self.expect(OK, 'CONFIG', 'SET', 'client-query-buffer-limit', text)
            self.assertEqual(self.get('client-query-buffer-limit'), value)
        self.expect_error(REFUSED % ('client-query-buffer-limit', 'argument must be a memory value'),
                          'CONFIG', 'SET', 'client-query-buffer-limit', '1kib')

    def test_mistakes(self):
        self.expect_error("ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
                          'CONFIG', 'SET', 'nosuch', 1)
        self.expect_error(REFUSED % ('databases', "can't set immutable config"),
                          'CONFIG', 'SET', 'databases', 20)
        self.expect_error(REFUSED % ('timeout', 'duplicate parameter'),
                          'CONFIG', 'SET', 'timeout', 1, 'timeout', 2)
        self.expect_error('ERR syntax error', 'CONFIG', 'SET', 'timeout', 1, 'maxclients')
        self.expect_arity('config|set', ('CONFIG', 'SET'), ('CONFIG', 'SET', 'timeout'))
        self.assertEqual(self.get('timeout'), b'0')

    def test_what_cannot_be_otherwise_may_be_set_to_what_it_is(self):
        self.expect(OK, 'CONFIG', 'SET', 'save', '', 'appendonly', 'no')

    def test_rewrite(self):
        self.expect_error('ERR The server is running without a config file', 'CONFIG', 'REWRITE')

    @fastkv_only('has other classes')
    def test_output_limit(self):
        name = 'client-output-buffer-limit'
        self.expect(OK, 'CONFIG', 'SET', name, 'normal 64mb 0 0')
        self.assertEqual(self.get(name), b'normal 67108864 0 0')
        self.expect(OK, 'CONFIG', 'SET', name, 'normal 0 0 0')
        self.assertEqual(self.get(name), b'normal 0 0 0')
        for value in ('', 'normal', 'normal 1mb', 'normal 1mb 1 1', 'pubsub 1mb 0 0', 'normal 1 0 0',
                      'normal 1mb 0 0 normal'):
            self.assertIsInstance(self.c('CONFIG', 'SET', name, value), Error, value)
        self.expect(OK, 'CONFIG', 'SET', name, 'normal 1gb 0 0')


class Effects(ServerCase):
    """What is set works at once, also on workers that sleep."""

    def tearDown(self):
        self.client()('CONFIG', 'SET', 'timeout', 0, 'maxclients', 10000)
        super().tearDown()

    @fastkv_only('looks at the time-out now and then')
    def test_timeout(self):
        idle = [self.client() for _ in range(8)]
        for client in idle:
            self.assertEqual(client('PING'), 'PONG')
        self.expect(OK, 'CONFIG', 'SET', 'timeout', 1)
        began = time.monotonic()
        for client in idle:
            client.until_closed()
        self.assertLess(time.monotonic() - began, patience(4))

    def test_maxclients(self):
        clients = [self.client() for _ in range(5)]
        for client in clients:
            self.assertEqual(client('PING'), 'PONG')
        self.expect(OK, 'CONFIG', 'SET', 'maxclients', 3)
        with self.server.raw() as refused:
            self.assertEqual(refused.until_closed().strip(),
                             b'-ERR max number of clients reached')
        self.expect(OK, 'CONFIG', 'SET', 'maxclients', 100)
        wait_until(lambda: self.client()('PING') == 'PONG')

    @fastkv_only('has other limits')
    def test_query_limit(self):
        self.expect(OK, 'CONFIG', 'SET', 'client-query-buffer-limit', '1mb')
        client = self.client()
        try:
            client.send(b'*2\r\n$4\r\nECHO\r\n$9000000\r\n' + b'x' * 3_000_000)
        except OSError:
            pass
        client.until_closed()
        self.expect(OK, 'CONFIG', 'SET', 'client-query-buffer-limit', '1gb')

    @fastkv_only('logs elsewhere')
    def test_loglevel(self):
        self.expect(OK, 'CONFIG', 'SET', 'loglevel', 'warning')
        self.expect([b'loglevel', b'warning'], 'CONFIG', 'GET', 'loglevel')
        self.expect(OK, 'CONFIG', 'SET', 'loglevel', 'notice', 'tcp-keepalive', 60)

    def test_resetstat(self):
        for _ in range(10):
            self.expect('PONG', 'PING')
        stats = self.server.info('stats')
        self.assertGreater(int(stats['total_commands_processed']), 10)
        self.expect(OK, 'CONFIG', 'RESETSTAT')
        stats = self.server.info('stats')
        self.assertLess(int(stats['total_commands_processed']), 5)
        self.assertLess(int(stats['total_connections_received']), 3)
        commands = self.server.info('commandstats')
        self.assertNotIn('cmdstat_ping', commands)
        self.expect('PONG', 'PING')
        self.assertTrue(self.server.info('commandstats')['cmdstat_ping'].startswith('calls=1,'))
