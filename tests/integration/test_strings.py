"""Strings: GET SET GETDEL MGET MSET APPEND STRLEN INCR DECR INCRBY DECRBY."""

import os
import time

from harness import (NOT_INTEGER, OK, SYNTAX, ServerCase, both_protocols,
                     fastkv_only, scaled)

BINARY = bytes(range(256)) + b'\r\n\0\n"\'\\'
INT_MAX = 2**63 - 1
INT_MIN = -2**63
OVERFLOW = 'ERR increment or decrement would overflow'
INVALID_EXPIRE = "ERR invalid expire time in 'set' command"


@both_protocols
class Strings(ServerCase):
    # ---- GET, GETDEL ----

    def test_get(self):
        self.expect(None, 'GET', 'absent')
        self.expect(OK, 'SET', 'k', 'hello')
        self.expect(b'hello', 'GET', 'k')
        self.expect(b'hello', 'get', 'k')
        self.expect(b'hello', 'gEt', 'k')
        self.expect(None, 'GET', 'K')
        self.expect_arity('get', ['GET'], ['GET', 'a', 'b'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['GET', 'z'])

    def test_get_of_odd_keys_and_values(self):
        for key in (b'', b' ', b'\0', BINARY, b'k' * 10000, '\u00e9\u4e2d'.encode()):
            for value in (b'', b'\0', b'\r\n', b'\n', BINARY, b'v' * 5000):
                self.expect(OK, 'SET', key, value)
                self.expect(value, 'GET', key)
        self.expect(6, 'DBSIZE')

    def test_get_of_every_length(self):
        text = os.urandom(300)
        for size in range(300):
            self.expect(OK, 'SET', b'k%d' % size, text[:size])
        for size in range(300):
            self.expect(text[:size], 'GET', b'k%d' % size)
        for size in (511, 512, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 1 << 20):
            value = os.urandom(1) * size
            self.expect(OK, 'SET', 'k', value)
            self.expect(value, 'GET', 'k')
            self.expect(size, 'STRLEN', 'k')

    def test_get_of_numbers_gives_the_text_back(self):
        for text in (b'0', b'-0', b'1', b'-1', b'007', b'+5', b' 5', b'5 ', b'1.0', b'1e3', b'0x10',
                     b'9223372036854775807', b'-9223372036854775808', b'9223372036854775808',
                     b'-9223372036854775809', b'18446744073709551615', b'00', b'-', b'--1', b'inf'):
            self.expect(OK, 'SET', 'k', text)
            self.expect(text, 'GET', 'k')
            self.expect(len(text), 'STRLEN', 'k')

    def test_getex(self):
        self.expect(None, 'GETEX', 'k')
        self.expect(OK, 'SET', 'k', 'v')
        self.expect(b'v', 'GETEX', 'k')
        self.expect(-1, 'TTL', 'k')
        self.expect(b'v', 'GETEX', 'k', 'EX', 100)
        self.between(99, 100, 'TTL', 'k')
        self.expect(b'v', 'getex', 'k', 'px', 5_000_000)
        self.between(4_990_000, 5_000_000, 'PTTL', 'k')
        self.expect(b'v', 'GETEX', 'k')
        self.between(4_990_000, 5_000_000, 'PTTL', 'k')
        self.expect(b'v', 'GETEX', 'k', 'EXAT', 4_000_000_000)
        self.expect(4_000_000_000, 'EXPIRETIME', 'k')
        self.expect(b'v', 'GETEX', 'k', 'PXAT', 4_000_000_000_001)
        self.expect(4_000_000_000_001, 'PEXPIRETIME', 'k')
        self.expect(b'v', 'GETEX', 'k', 'PERSIST')
        self.expect(-1, 'TTL', 'k')
        self.expect(b'v', 'GETEX', 'k', 'PXAT', 1)
        self.expect(0, 'EXISTS', 'k')

    def test_getex_mistakes(self):
        self.expect_arity('getex', ['GETEX'])
        self.expect(None, 'GETEX', 'k', 'EX', 0)
        self.expect(OK, 'SET', 'k', 'v')
        for options in (['FOO'], ['EX'], ['EX', 1, 'PX', 1], ['PERSIST', 'EX', 1], ['NX'],
                        ['EX', 1, 'PERSIST'], ['KEEPTTL']):
            self.expect_error(SYNTAX, 'GETEX', 'k', *options)
        self.expect_error(NOT_INTEGER, 'GETEX', 'k', 'EX', 'x')
        for options in (['EX', 0], ['EX', -1], ['PXAT', 0], ['EX', 2 ** 63 - 1]):
            self.expect_error("ERR invalid expire time in 'getex' command", 'GETEX', 'k', *options)
        self.expect(-1, 'TTL', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['GETEX', 'z'])

    def test_getdel(self):
        self.expect(None, 'GETDEL', 'k')
        self.c('SET', 'k', 'v')
        self.expect(b'v', 'GETDEL', 'k')
        self.expect(0, 'EXISTS', 'k')
        self.c('SET', 'k', 'v', 'EX', 100)
        self.expect(b'v', 'GETDEL', 'k')
        self.expect(-2, 'TTL', 'k')
        big = os.urandom(1 << 17)
        self.c('SET', 'k', big)
        self.expect(big, 'GETDEL', 'k')
        self.expect(None, 'GETDEL', 'k')
        self.expect_arity('getdel', ['GETDEL'], ['GETDEL', 'a', 'b'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['GETDEL', 'z'])
        self.expect(1, 'EXISTS', 'z')

    # ---- SET ----

    def test_set(self):
        self.expect(OK, 'SET', 'k', 'one')
        self.expect(OK, 'SET', 'k', 'two')
        self.expect(b'two', 'GET', 'k')
        self.expect(1, 'DBSIZE')
        self.expect_arity('set', ['SET'], ['SET', 'k'])

    def test_set_replaces_any_type(self):
        self.c('ZADD', 'k', 1, 'm')
        self.expect(OK, 'SET', 'k', 'v')
        self.expect('string', 'TYPE', 'k')
        self.expect(b'v', 'GET', 'k')

    def test_set_nx(self):
        self.expect(OK, 'SET', 'k', 'one', 'NX')
        self.expect(None, 'SET', 'k', 'two', 'NX')
        self.expect(None, 'SET', 'k', 'two', 'nx')
        self.expect(b'one', 'GET', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect(None, 'SET', 'z', 'v', 'NX')
        self.expect('zset', 'TYPE', 'z')
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'NX', 'XX')
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'XX', 'NX')

    def test_set_xx(self):
        self.expect(None, 'SET', 'k', 'one', 'XX')
        self.expect(0, 'EXISTS', 'k')
        self.c('SET', 'k', 'one')
        self.expect(OK, 'SET', 'k', 'two', 'XX')
        self.expect(b'two', 'GET', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect(OK, 'SET', 'z', 'v', 'XX')
        self.expect('string', 'TYPE', 'z')

    def test_set_get(self):
        self.expect(None, 'SET', 'k', 'one', 'GET')
        self.expect(b'one', 'SET', 'k', 'two', 'GET')
        self.expect(b'two', 'SET', 'k', b'', 'get')
        self.expect(b'', 'SET', 'k', 'three', 'GET')
        self.expect(b'three', 'GET', 'k')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['SET', 'z', 'v', 'GET'])
        self.expect('zset', 'TYPE', 'z')

    def test_set_get_with_nx_and_xx(self):
        self.expect(None, 'SET', 'k', 'one', 'NX', 'GET')
        self.expect(b'one', 'GET', 'k')
        self.expect(b'one', 'SET', 'k', 'two', 'GET', 'NX')
        self.expect(b'one', 'GET', 'k')
        self.expect(b'one', 'SET', 'k', 'two', 'XX', 'GET')
        self.expect(b'two', 'GET', 'k')
        self.expect(None, 'SET', 'absent', 'v', 'XX', 'GET')
        self.expect(0, 'EXISTS', 'absent')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['SET', 'z', 'v', 'NX', 'GET'], ['SET', 'z', 'v', 'GET', 'XX'])

    def test_set_get_replaces_a_big_value(self):
        first, second = os.urandom(1 << 18), os.urandom(1 << 18)
        self.c('SET', 'k', first)
        self.expect(first, 'SET', 'k', second, 'GET')
        self.expect(second, 'GET', 'k')

    def test_set_ex(self):
        self.expect(OK, 'SET', 'k', 'v', 'EX', 100)
        self.between(99, 100, 'TTL', 'k')
        self.between(98000, 100000, 'PTTL', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'ex', '200')
        self.between(199, 200, 'TTL', 'k')
        self.expect(b'v', 'GET', 'k')
        for bad in ('abc', '', '1.5', '1e3', ' 1', '+1', '9223372036854775808'):
            self.expect_error(NOT_INTEGER, 'SET', 'k', 'v', 'EX', bad)
        for bad in (0, -1, INT_MIN, INT_MAX, INT_MAX // 1000 + 1):
            self.expect_error(INVALID_EXPIRE, 'SET', 'k', 'v', 'EX', bad)
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'EX')

    def test_set_px(self):
        self.expect(OK, 'SET', 'k', 'v', 'PX', 100000)
        self.between(98000, 100000, 'PTTL', 'k')
        for bad in ('abc', '', '1.5'):
            self.expect_error(NOT_INTEGER, 'SET', 'k', 'v', 'PX', bad)
        for bad in (0, -1, INT_MIN, INT_MAX):
            self.expect_error(INVALID_EXPIRE, 'SET', 'k', 'v', 'PX', bad)
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'PX')

    def test_set_exat(self):
        when = int(time.time()) + 1000
        self.expect(OK, 'SET', 'k', 'v', 'EXAT', when)
        self.expect(when, 'EXPIRETIME', 'k')
        self.expect(when * 1000, 'PEXPIRETIME', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'EXAT', 1)
        self.expect(None, 'GET', 'k')
        self.expect(-2, 'TTL', 'k')
        self.expect_error(NOT_INTEGER, 'SET', 'k', 'v', 'EXAT', 'x')
        for bad in (0, -1, INT_MAX):
            self.expect_error(INVALID_EXPIRE, 'SET', 'k', 'v', 'EXAT', bad)
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'EXAT')

    def test_set_pxat(self):
        when = int(time.time() * 1000) + 1_000_123
        self.expect(OK, 'SET', 'k', 'v', 'PXAT', when)
        self.expect(when, 'PEXPIRETIME', 'k')
        self.expect((when + 500) // 1000, 'EXPIRETIME', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'PXAT', 1)
        self.expect(0, 'EXISTS', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'PXAT', INT_MAX)
        self.expect(INT_MAX, 'PEXPIRETIME', 'k')
        self.expect_error(INVALID_EXPIRE, 'SET', 'k', 'v', 'PXAT', 0)
        self.expect_error(INVALID_EXPIRE, 'SET', 'k', 'v', 'PXAT', -5)
        self.expect_error(SYNTAX, 'SET', 'k', 'v', 'PXAT')

    def test_set_keepttl(self):
        self.c('SET', 'k', 'v', 'EX', 100)
        self.expect(OK, 'SET', 'k', 'w', 'KEEPTTL')
        self.between(98, 100, 'TTL', 'k')
        self.expect(b'w', 'GET', 'k')
        long = 'w' * 300
        self.expect(OK, 'SET', 'k', long, 'keepttl', 'XX')
        self.between(98, 100, 'TTL', 'k')
        self.expect(OK, 'SET', 'k', 'x')
        self.expect(-1, 'TTL', 'k')
        self.expect(OK, 'SET', 'new', 'v', 'KEEPTTL')
        self.expect(-1, 'TTL', 'new')
        self.c('ZADD', 'z', 1, 'm')
        self.c('EXPIRE', 'z', 100)
        self.expect(OK, 'SET', 'z', 'v', 'KEEPTTL')
        self.between(98, 100, 'TTL', 'z')

    def test_set_options_together(self):
        self.expect(OK, 'SET', 'k', 'v', 'NX', 'EX', 100)
        self.expect(b'v', 'SET', 'k', 'w', 'PX', 50000, 'GET', 'XX')
        self.between(48000, 50000, 'PTTL', 'k')
        self.expect(None, 'SET', 'k', 'x', 'NX', 'EX', 500)
        self.between(48000, 50000, 'PTTL', 'k')
        for wrong in (['EX', 1, 'PX', 1], ['EX', 1, 'KEEPTTL'], ['FOO'],
                      ['KEEPTTL', 'EX', 1], ['EXAT', 1, 'PXAT', 1], ['PXAT', 1, 'KEEPTTL'],
                      ['NX', 'XX', 'GET'], ['EX', 10, 'BAR'], ['GETX'], ['PERSIST'], [''],
                      ['KEEPTTL', 'PXAT', 5], ['EX', 5, 'EXAT', 5]):
            self.expect_error(SYNTAX, 'SET', 'k', 'y', *wrong)
        self.expect(b'w', 'GET', 'k')
        self.c('DEL', 'k')
        self.expect(OK, 'SET', 'k', 'v', 'NX', 'NX')
        self.expect(b'v', 'SET', 'k', 'v', 'GET', 'GET')
        self.expect(OK, 'SET', 'k', 'v', 'EX', 10, 'EX', 50)
        self.between(49, 50, 'TTL', 'k')

    def test_set_over_volatile_key_many_sizes(self):
        for size in (0, 1, 20, 44, 45, 200, 5000, 20000, 3, 100000, 1):
            self.expect(OK, 'SET', 'k', 'x' * size, 'PX', 100000)
            self.expect(OK, 'SET', 'k', 'y' * size, 'KEEPTTL')
            self.between(90000, 100000, 'PTTL', 'k')
            self.expect(b'y' * size, 'GET', 'k')

    # ---- MGET, MSET ----

    def test_mget(self):
        self.c('SET', 'a', '1')
        self.c('SET', 'b', 'two')
        self.c('ZADD', 'z', 1, 'm')
        self.expect([b'1'], 'MGET', 'a')
        self.expect([b'1', None, b'two', None, b'1'], 'MGET', 'a', 'x', 'b', 'z', 'a')
        self.expect_arity('mget', ['MGET'])
        count = scaled(3000, 100)
        keys = ['key:%d' % i for i in range(count)]
        self.client('resp')('MSET', *[part for key in keys for part in (key, key + '!')])
        self.expect([(key + '!').encode() for key in keys], 'MGET', *keys)
        self.expect([(key + '!').encode() for key in keys[::-1]], 'MGET', *keys[::-1])

    def test_mset(self):
        self.expect(OK, 'MSET', 'a', '1')
        self.expect(OK, 'MSET', 'a', '2', 'b', '3', 'a', '4')
        self.expect([b'4', b'3'], 'MGET', 'a', 'b')
        self.c('ZADD', 'z', 1, 'm')
        self.c('SET', 'volatile', 'v', 'EX', 100)
        self.expect(OK, 'MSET', 'z', 'v', 'volatile', 'w', '', BINARY)
        self.expect('string', 'TYPE', 'z')
        self.expect(-1, 'TTL', 'volatile')
        self.expect(BINARY, 'GET', '')
        self.expect_arity('mset', ['MSET'], ['MSET', 'a'], ['MSET', 'a', '1', 'b'])
        self.expect(b'4', 'GET', 'a')

    # ---- APPEND, STRLEN ----

    def test_append(self):
        self.expect(5, 'APPEND', 'k', 'hello')
        self.expect(11, 'APPEND', 'k', ' world')
        self.expect(b'hello world', 'GET', 'k')
        self.expect(11, 'APPEND', 'k', '')
        self.expect(0, 'APPEND', 'empty', '')
        self.expect(1, 'EXISTS', 'empty')
        self.expect(11 + len(BINARY), 'APPEND', 'k', BINARY)
        self.expect(b'hello world' + BINARY, 'GET', 'k')
        self.expect_arity('append', ['APPEND'], ['APPEND', 'k'], ['APPEND', 'k', 'v', 'w'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['APPEND', 'z', 'v'])

    def test_append_to_a_number_and_keeps_ttl(self):
        self.c('SET', 'n', 12)
        self.expect(3, 'APPEND', 'n', '3')
        self.expect(124, 'INCR', 'n')
        self.expect(4, 'APPEND', 'n', 'x')
        self.expect(b'124x', 'GET', 'n')
        self.c('EXPIRE', 'n', 100)
        self.expect(5, 'APPEND', 'n', 'y')
        self.between(98, 100, 'TTL', 'n')

    def test_append_grows_through_every_size(self):
        expected = b''
        for step in range(scaled(400, 50)):
            piece = b'%d,' % step * (1 + step % 7)
            expected += piece
            self.expect(len(expected), 'APPEND', 'k', piece)
        self.expect(expected, 'GET', 'k')

    def test_strlen(self):
        self.expect(0, 'STRLEN', 'absent')
        self.c('SET', 'k', BINARY)
        self.expect(len(BINARY), 'STRLEN', 'k')
        self.c('SET', 'k', -123)
        self.expect(4, 'STRLEN', 'k')
        self.c('SET', 'k', '')
        self.expect(0, 'STRLEN', 'k')
        self.expect_arity('strlen', ['STRLEN'], ['STRLEN', 'a', 'b'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['STRLEN', 'z'])

    # ---- INCR and its kin ----

    def test_incr(self):
        self.expect(1, 'INCR', 'n')
        self.expect(2, 'INCR', 'n')
        self.expect(b'2', 'GET', 'n')
        self.c('SET', 'n', -1)
        self.expect(0, 'INCR', 'n')
        self.c('SET', 'n', INT_MAX - 1)
        self.expect(INT_MAX, 'INCR', 'n')
        self.expect_error(OVERFLOW, 'INCR', 'n')
        self.expect(str(INT_MAX).encode(), 'GET', 'n')
        self.expect_arity('incr', ['INCR'], ['INCR', 'a', 'b'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['INCR', 'z'])

    def test_incr_of_what_is_no_integer(self):
        for text in ('', 'abc', '1.5', ' 1', '1 ', '+1', '01', '-0', '1e3', '0x10', '--1', '-',
                     '9223372036854775808', '-9223372036854775809', '1\0'):
            self.c('SET', 'n', text)
            for request in (['INCR', 'n'], ['DECR', 'n'], ['INCRBY', 'n', 2], ['DECRBY', 'n', 2]):
                self.expect_error(NOT_INTEGER, *request)
            self.expect(text.encode(), 'GET', 'n')

    def test_incr_keeps_ttl(self):
        self.c('SET', 'n', 5, 'EX', 100)
        self.expect(6, 'INCR', 'n')
        self.expect(16, 'INCRBY', 'n', 10)
        self.between(98, 100, 'TTL', 'n')

    def test_decr(self):
        self.expect(-1, 'DECR', 'n')
        self.expect(-2, 'DECR', 'n')
        self.c('SET', 'n', INT_MIN + 1)
        self.expect(INT_MIN, 'DECR', 'n')
        self.expect_error(OVERFLOW, 'DECR', 'n')
        self.expect_arity('decr', ['DECR'], ['DECR', 'a', 'b'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['DECR', 'z'])

    def test_incrby(self):
        self.expect(7, 'INCRBY', 'n', 7)
        self.expect(-3, 'INCRBY', 'n', -10)
        self.expect(-3, 'INCRBY', 'n', 0)
        self.c('SET', 'n', 0)
        self.expect(INT_MAX, 'INCRBY', 'n', INT_MAX)
        self.expect_error(OVERFLOW, 'INCRBY', 'n', 1)
        self.expect(-1, 'INCRBY', 'n', INT_MIN)
        self.expect_error(OVERFLOW, 'INCRBY', 'n', INT_MIN)
        for bad in ('abc', '', '1.0', '+1', ' 1', '01', '9223372036854775808'):
            self.expect_error(NOT_INTEGER, 'INCRBY', 'n', bad)
        self.expect_arity('incrby', ['INCRBY', 'n'], ['INCRBY', 'n', 1, 2])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['INCRBY', 'z', 1])

    def test_decrby(self):
        self.expect(-7, 'DECRBY', 'n', 7)
        self.expect(3, 'DECRBY', 'n', -10)
        self.expect_error('ERR decrement would overflow', 'DECRBY', 'n', INT_MIN)
        self.c('SET', 'n', -2)
        self.expect_error(OVERFLOW, 'DECRBY', 'n', INT_MAX)
        self.c('SET', 'n', -1)
        self.expect(INT_MIN, 'DECRBY', 'n', INT_MAX)
        self.expect_error(NOT_INTEGER, 'DECRBY', 'n', 'x')
        self.expect_arity('decrby', ['DECRBY', 'n'], ['DECRBY', 'n', 1, 2])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['DECRBY', 'z', 1])

    def test_incr_between_number_and_text(self):
        self.c('SET', 'n', 9)
        self.expect(10, 'INCR', 'n')
        self.expect(2, 'STRLEN', 'n')
        self.expect(b'10', 'SET', 'n', 'text', 'GET')
        self.expect_error(NOT_INTEGER, 'INCR', 'n')
        self.c('SET', 'n', 99)
        self.expect([b'99'], 'MGET', 'n')
        self.expect(b'99', 'GETDEL', 'n')


class AppendLimit(ServerCase):
    @fastkv_only('takes 512 MiB there, too')
    def test_append_beyond_the_limit_of_a_value(self):
        piece = b'x' * (64 << 20)
        if scaled(10) < 10 or os.environ.get('FASTKV_TEST_IO') == 'epoll':
            self.skipTest('takes long: once, in a fast build, is enough')
        for step in range(1, 9):
            self.expect(step * len(piece), 'APPEND', 'k', piece)
        self.expect_error('ERR string exceeds maximum allowed size (proto-max-bulk-len)',
                          'APPEND', 'k', 'x')
        self.expect(8 * len(piece), 'STRLEN', 'k')
        self.expect(1, 'DEL', 'k')
