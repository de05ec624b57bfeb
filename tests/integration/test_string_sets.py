"""Strings set together or under conditions: MSETNX MSETEX SETNX SETEX PSETEX GETSET, SET IFEQ ..., DELEX
DELIFEQ DIGEST."""

from harness import NOT_INTEGER, OK, SYNTAX, ServerCase, both_protocols, fastkv_only

NO_DIGEST = 'ERR must be exactly 16 hexadecimal characters'


@both_protocols
class OlderForms(ServerCase):
    def test_setnx(self):
        self.expect(1, 'SETNX', 'k', 1)
        self.expect(0, 'SETNX', 'k', 2)
        self.expect(b'1', 'GET', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect(0, 'SETNX', 'z', 1)
        self.expect_arity('setnx', ['SETNX', 'k'], ['SETNX', 'k', 1, 2])

    def test_setex_and_psetex(self):
        self.expect(OK, 'SETEX', 'k', 100, 'v')
        self.between(99, 100, 'TTL', 'k')
        self.expect(OK, 'PSETEX', 'k', 500_000, 'w')
        self.between(490_000, 500_000, 'PTTL', 'k')
        self.expect(b'w', 'GET', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect(OK, 'SETEX', 'z', 100, 'v')
        for name in ('setex', 'psetex'):
            invalid = f"ERR invalid expire time in '{name}' command"
            self.expect_error(invalid, name, 'k', 0, 'v')
            self.expect_error(invalid, name, 'k', -1, 'v')
            self.expect_error(invalid, name, 'k', 9223372036854775807, 'v')
            self.expect_error(NOT_INTEGER, name, 'k', 'x', 'v')
            self.expect_arity(name, [name, 'k', 1], [name, 'k', 1, 'v', 'x'])
        self.expect(b'w', 'GET', 'k')

    def test_getset(self):
        self.expect(None, 'GETSET', 'k', 'v')
        self.expect(b'v', 'GETSET', 'k', 'w')
        self.expect(OK, 'SET', 'k', 'w' * 100_000, 'EX', 100)
        self.expect(b'w' * 100_000, 'GETSET', 'k', 'x')
        self.expect(-1, 'TTL', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['GETSET', 'z', 'v'])
        self.expect_arity('getset', ['GETSET', 'k'], ['GETSET', 'k', 1, 2])

    def test_msetnx(self):
        self.expect(1, 'MSETNX', 'a', 1, 'b', 2, 'a', 3)
        self.expect([b'3', b'2'], 'MGET', 'a', 'b')
        self.expect(0, 'MSETNX', 'c', 1, 'a', 2)
        self.expect([b'3', None], 'MGET', 'a', 'c')
        self.c('ZADD', 'z', 1, 'm')
        self.expect(0, 'MSETNX', 'c', 1, 'z', 2)
        self.expect_arity('msetnx', ['MSETNX'], ['MSETNX', 'a'], ['MSETNX', 'a', 1, 'b'])

    def test_msetnx_of_many_keys(self):
        pairs = [part for i in range(3000) for part in (f'key:{i}', i)]
        self.expect(1, 'MSETNX', *pairs)
        self.expect(3000, 'DBSIZE')
        self.expect(0, 'MSETNX', 'new', 1, *pairs)
        self.expect(3000, 'DBSIZE')
        self.expect(b'2999', 'GET', 'key:2999')


@fastkv_only('newer than redis-server 7.0')
@both_protocols
class Conditions(ServerCase):
    def test_set_ifeq_and_ifne(self):
        self.expect(None, 'SET', 'k', 'v', 'IFEQ', 'v')
        self.expect(0, 'EXISTS', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'IFNE', 'x')
        self.expect(None, 'SET', 'k', 'w', 'IFNE', 'v')
        self.expect(b'v', 'SET', 'k', 'w', 'GET', 'IFEQ', 'x')
        self.expect(b'v', 'SET', 'k', 'w', 'ifeq', 'v', 'GET', 'EX', 100)
        self.between(99, 100, 'TTL', 'k')
        self.expect(OK, 'SET', 'k', 12, 'IFEQ', 'w', 'KEEPTTL')
        self.between(99, 100, 'TTL', 'k')
        self.expect(OK, 'SET', 'k', 13, 'IFEQ', 12)
        self.expect(b'13', 'GET', 'k')

    def test_set_by_digest(self):
        self.expect(OK, 'SET', 'k', 'Hello world')
        self.expect(b'b6acb9d84a38ff74', 'DIGEST', 'k')
        self.expect(None, 'SET', 'k', 'x', 'IFDNE', 'B6ACB9D84A38FF74')
        self.expect(None, 'SET', 'k', 'x', 'IFDEQ', '0' * 16)
        self.expect(OK, 'SET', 'k', 'x', 'IFDEQ', 'b6acb9d84a38ff74')
        self.expect(OK, 'SET', 'new', 'x', 'IFDNE', '0' * 16)
        self.expect_error(NO_DIGEST, 'SET', 'k', 'y', 'IFDEQ', '123')
        self.expect_error(NO_DIGEST, 'SET', 'k', 'y', 'IFDNE', 'x' * 16)

    def test_set_mistakes(self):
        self.expect(OK, 'SET', 'k', 'v')
        for first in ('NX', 'XX', ('IFEQ', 'v'), ('IFNE', 'x'), ('IFDNE', '0' * 16)):
            for second in (('IFEQ', 'v'), ('IFNE', 'x'), ('IFDEQ', '0' * 16)):
                first = (first,) if isinstance(first, str) else first
                self.expect_error(SYNTAX, 'SET', 'k', 'w', *first, *second)
                self.expect_error(SYNTAX, 'SET', 'k', 'w', *second, *first)
        self.expect_error(SYNTAX, 'SET', 'k', 'w', 'IFEQ')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['SET', 'z', 'v', 'IFEQ', 'x'], ['SET', 'z', 'v', 'IFNE', 'x', 'GET'])
        self.expect(b'v', 'GET', 'k')

    def test_delex(self):
        self.expect(OK, 'MSET', 'a', 'v', 'b', 'v', 'c', 'v', 'd', 'v')
        self.expect(0, 'DELEX', 'a', 'IFEQ', 'x')
        self.expect(1, 'DELEX', 'a', 'IFEQ', 'v')
        self.expect(0, 'DELEX', 'a', 'IFEQ', 'v')
        self.expect(0, 'DELEX', 'b', 'IFNE', 'v')
        self.expect(1, 'DELEX', 'b', 'IFNE', 'x')
        self.expect(1, 'DELEX', 'c', 'IFDEQ', self.c('DIGEST', 'c'))
        self.expect(1, 'DELEX', 'd')
        self.expect(OK, 'SET', 'k', 'v')
        self.expect_arity('delex', ['DELEX'], ['DELEX', 'k', 'IFEQ'], ['DELEX', 'k', 'IFEQ', 1, 2])
        self.expect_error('ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE',
                          'DELEX', 'k', 'FOO', 'v')
        self.expect_error(NO_DIGEST, 'DELEX', 'k', 'IFDEQ', 'v')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_error('ERR Key should be of string type if conditions are specified',
                          'DELEX', 'z', 'IFEQ', 'm')
        self.expect(1, 'DELEX', 'z')

    def test_delifeq_and_digest(self):
        self.expect(0, 'DELIFEQ', 'k', 'v')
        self.expect(None, 'DIGEST', 'k')
        self.expect(OK, 'SET', 'k', 12)
        self.expect(0, 'DELIFEQ', 'k', '012')
        self.expect(1, 'DELIFEQ', 'k', 12)
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['DELIFEQ', 'z', 'm'], ['DIGEST', 'z'])
        self.expect_arity('delifeq', ['DELIFEQ', 'k'], ['DELIFEQ', 'k', 1, 2])
        self.expect_arity('digest', ['DIGEST'], ['DIGEST', 'k', 1])


@fastkv_only('newer than redis-server 7.0')
@both_protocols
class Msetex(ServerCase):
    def test_msetex(self):
        self.expect(1, 'MSETEX', 2, 'a', 1, 'b', 2, 'EX', 100)
        self.between(99, 100, 'TTL', 'a')
        self.between(99, 100, 'TTL', 'b')
        self.expect(1, 'MSETEX', 2, 'a', 3, 'c', 4, 'KEEPTTL')
        self.between(99, 100, 'TTL', 'a')
        self.expect(-1, 'TTL', 'c')
        self.expect(0, 'MSETEX', 2, 'a', 5, 'new', 5, 'NX')
        self.expect(0, 'MSETEX', 2, 'a', 5, 'new', 5, 'PX', 100, 'XX')
        self.expect([b'3', b'2', b'4', None], 'MGET', 'a', 'b', 'c', 'new')
        self.expect(1, 'MSETEX', 1, 'a', 'v' * 20_000)
        self.expect(-1, 'TTL', 'a')
        self.expect(1, 'MSETEX', 2, 'a', 1, 'c', 1, 'PXAT', 1)
        self.expect(0, 'EXISTS', 'a', 'c')

    def test_msetex_expires(self):
        self.expect(1, 'MSETEX', 2, 'a', 1, 'b', 2, 'PX', 20)
        self.expect(OK, 'SET', 'lasting', 1)
        while self.c('DBSIZE') != 1:
            pass
        self.expect(b'1', 'GET', 'lasting')

    def test_msetex_of_many_keys(self):
        pairs = [part for i in range(3000) for part in (f'key:{i}', i)]
        self.expect(1, 'MSETEX', 3000, *pairs, 'EX', 1000, 'NX')
        self.expect(0, 'MSETEX', 3000, *pairs, 'NX')
        self.between(990, 1000, 'TTL', 'key:1234')
        self.expect(1, 'MSETEX', 3000, *pairs, 'KEEPTTL', 'XX')
        self.between(990, 1000, 'TTL', 'key:2999')

    def test_msetex_mistakes(self):
        self.expect_arity('msetex', ['MSETEX', 1, 'k'])
        self.expect_error('ERR invalid numkeys value', 'MSETEX', 'x', 'k', 'v')
        self.expect_error('ERR invalid numkeys value', 'MSETEX', 0, 'k', 'v')
        self.expect_error('ERR wrong number of key-value pairs', 'MSETEX', 2, 'k', 'v')
        self.expect_error(SYNTAX, 'MSETEX', 1, 'k', 'v', 'FOO')
        self.expect_error(SYNTAX, 'MSETEX', 1, 'k', 'v', 'EX', 1, 'PX', 1)
        self.expect_error("ERR invalid expire time in 'msetex' command",
                          'MSETEX', 1, 'k', 'v', 'EX', 0)
        self.expect(0, 'EXISTS', 'k')


@fastkv_only('newer than redis-server 7.0')
class LongStrings(ServerCase):
    def test_long_strings_compare_in_the_background(self):
        value = b'v' * 3_000_000
        self.expect(OK, 'SET', 'k', value)
        digest = self.c('DIGEST', 'k')
        self.assertEqual(16, len(digest))
        self.expect(None, 'SET', 'k', 'x', 'IFNE', value)
        self.expect(0, 'DELEX', 'k', 'IFDNE', digest)
        self.expect(OK, 'SET', 'k', value + b'w', 'IFDEQ', digest)
        self.expect(0, 'DELIFEQ', 'k', value)
        self.expect(1, 'DELIFEQ', 'k', value + b'w')
