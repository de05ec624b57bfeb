"""CLIENT: what a connection says of itself, and what is told of it."""

import socket

from harness import OK, ServerCase, fastkv_only

FIELDS_OF_REDIS = ('id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free '
                   'argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp '
                   'lib-name lib-ver').split()


class ClientInfo(ServerCase):
    def fields(self, client=None):
        line = (client or self.c)('CLIENT', 'INFO').decode()
        self.assertTrue(line.endswith('\n'))
        return dict(field.split('=', 1) for field in line[:-1].split(' '))

    @fastkv_only('7.0 has no lib-name')
    def test_all_fields_of_redis_are_there_in_its_order(self):
        names = [name for name in self.fields() if name in FIELDS_OF_REDIS]
        self.assertEqual(names, FIELDS_OF_REDIS)

    def test_values(self):
        self.c('SELECT', 3)
        fields = self.fields()
        self.assertEqual(int(fields['id']), self.c('CLIENT', 'ID'))
        self.assertEqual(fields['addr'], '%s:%d' % self.c.sock.getsockname())
        self.assertEqual(fields['laddr'], '%s:%d' % self.c.sock.getpeername())
        self.assertEqual(fields['db'], '3')
        self.assertEqual(fields['cmd'], 'client|info')
        self.assertEqual(fields['resp'], '2')
        self.assertEqual(fields['user'], 'default')
        self.assertEqual((fields['name'], fields['flags'], fields['events']), ('', 'N', 'r'))
        self.assertGreater(int(fields['tot-mem']), 100)
        self.assertLess(int(fields['age']), 100)
        self.c('SELECT', 0)

    def test_name(self):
        self.expect(None, 'CLIENT', 'GETNAME')
        for name in (b'a', b'x' * 63, b'x' * 64, b'y' * 10_000, b'!~'):
            self.expect(OK, 'CLIENT', 'SETNAME', name)
            self.expect(name, 'CLIENT', 'GETNAME')
            self.assertEqual(self.fields()['name'], name.decode())
        for name in ('a b', 'a\n', '\x00', 'ä'):
            self.expect_error('ERR Client names cannot contain spaces, newlines or special '
                              'characters.', 'CLIENT', 'SETNAME', name)
        self.expect(b'!~', 'CLIENT', 'GETNAME')
        self.expect(OK, 'CLIENT', 'SETNAME', '')
        self.expect(None, 'CLIENT', 'GETNAME')

    @fastkv_only('has no limit')
    def test_name_beyond_the_limit(self):
        self.expect_error('ERR Client names cannot be longer than 16384 bytes.',
                          'CLIENT', 'SETNAME', 'x' * 16385)

    @fastkv_only('7.0 has no SETINFO')
    def test_library(self):
        self.expect(OK, 'CLIENT', 'SETINFO', 'LIB-NAME', 'redis-py')
        self.expect(OK, 'client', 'setinfo', 'lib-ver', '5.0.1')
        fields = self.fields()
        self.assertEqual((fields['lib-name'], fields['lib-ver']), ('redis-py', '5.0.1'))
        self.expect_error('ERR lib-name cannot contain spaces, newlines or special characters.',
                          'CLIENT', 'SETINFO', 'lib-name', 'redis py')
        self.expect_error("ERR Unrecognized option 'lib'", 'CLIENT', 'SETINFO', 'lib', 'x')
        self.assertEqual(self.fields()['lib-name'], 'redis-py')

    @fastkv_only('counts its buffers in another way')
    def test_buffers(self):
        client = self.client(receive_buffer=4096)
        self.expect(OK, 'SET', 'k', 'v' * 8000)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(client.encode(('GET', 'k')) * 2000 + client.encode(('CLIENT', 'INFO')))
        for _ in range(2000):
            client.reply()
        line = client.reply().decode()
        fields = dict(field.split('=', 1) for field in line[:-1].split(' '))
        self.assertGreater(int(fields['omem']), 100_000)
        self.assertGreater(int(fields['oll']), 5)
        self.assertGreaterEqual(int(fields['tot-mem']), int(fields['omem']))
