"""Bitmaps: SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO."""

import os
import threading

from harness import NOT_INTEGER, OK, SYNTAX, ServerCase, both_protocols, fastkv_only

BAD_OFFSET = 'ERR bit offset is not an integer or out of range'
BAD_TYPE = ('ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported '
            'but i64 is.')


def count_ones(value):
    return sum(bin(byte).count('1') for byte in value)


@both_protocols
class Bits(ServerCase):
    def test_setbit_and_getbit(self):
        self.expect(0, 'SETBIT', 'k', 7, 1)
        self.expect(1, 'SETBIT', 'k', 7, 0)
        self.expect(0, 'SETBIT', 'k', 100, 1)
        self.expect(13, 'STRLEN', 'k')
        self.expect(1, 'GETBIT', 'k', 100)
        self.expect(0, 'GETBIT', 'k', 4294967295)
        self.expect(0, 'GETBIT', 'absent', 1)
        self.expect(OK, 'SET', 'n', 1, 'EX', 100)
        self.expect(0, 'SETBIT', 'n', 6, 1)
        self.expect(b'3', 'GET', 'n')
        self.between(99, 100, 'TTL', 'n')
        for name, rest in (('setbit', [1]), ('getbit', [])):
            for offset in (-1, 4294967296, 'x', '', '1.5', '#1'):
                self.expect_error(BAD_OFFSET, name, 'k', offset, *rest)
        for bit in (2, -1, 'x', ''):
            self.expect_error('ERR bit is not an integer or out of range', 'SETBIT', 'k', 0, bit)
        self.expect_arity('setbit', ['SETBIT', 'k', 1], ['SETBIT', 'k', 1, 1, 1])
        self.expect_arity('getbit', ['GETBIT', 'k'], ['GETBIT', 'k', 1, 1])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['SETBIT', 'z', 0, 1], ['GETBIT', 'z', 0])

    def test_bitcount(self):
        self.expect(OK, 'SET', 'k', 'foobar')
        self.expect(26, 'BITCOUNT', 'k')
        self.expect(4, 'BITCOUNT', 'k', 0, 0)
        self.expect(6, 'BITCOUNT', 'k', 1, 1, 'BYTE')
        self.expect(17, 'BITCOUNT', 'k', 5, 30, 'bit')
        self.expect(0, 'BITCOUNT', 'k', -100, -101)
        self.expect(0, 'BITCOUNT', 'absent')
        self.expect_error(NOT_INTEGER, 'BITCOUNT', 'k', 'x', 1)
        self.expect_error(SYNTAX, 'BITCOUNT', 'k', 0, 1, 'WORD')
        self.expect_arity('bitcount', ['BITCOUNT'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['BITCOUNT', 'z'])

    def test_bitpos(self):
        self.expect(OK, 'SET', 'k', b'\xff\xf0\x00')
        self.expect(12, 'BITPOS', 'k', 0)
        self.expect(-1, 'BITPOS', 'k', 1, 2)
        self.expect(7, 'BITPOS', 'k', 1, 7, 15, 'BIT')
        self.expect(OK, 'SET', 'k', b'\xff\xff')
        self.expect(16, 'BITPOS', 'k', 0)
        self.expect(-1, 'BITPOS', 'k', 0, 0, -1)
        self.expect(0, 'BITPOS', 'absent', 0)
        self.expect(-1, 'BITPOS', 'absent', 1)
        self.expect_error('ERR The bit argument must be 1 or 0.', 'BITPOS', 'k', 2)
        self.expect_error(NOT_INTEGER, 'BITPOS', 'k', 'x')
        self.expect_error(SYNTAX, 'BITPOS', 'k', 1, 0, 1, 'WORD')
        self.expect_arity('bitpos', ['BITPOS', 'k'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['BITPOS', 'z', 1])

    def test_bitop(self):
        a, b = b'\xf0\xf0\xff', b'\xcc'
        self.expect(OK, 'MSET', 'a', a, 'b', b)
        self.c('ZADD', 'd', 1, 'm')
        for name, result in (('AND', b'\xc0\0\0'), ('OR', b'\xfc\xf0\xff'), ('xor', b'\x3c\xf0\xff')):
            self.expect(3, 'BITOP', name, 'd', 'a', 'b')
            self.expect(result, 'GET', 'd')
        self.expect(3, 'BITOP', 'NOT', 'a', 'a')
        self.expect(b'\x0f\x0f\x00', 'GET', 'a')
        self.expect(0, 'BITOP', 'OR', 'd', 'absent')
        self.expect(0, 'EXISTS', 'd')
        self.expect_error('ERR BITOP NOT must be called with a single source key.',
                          'BITOP', 'NOT', 'd', 'a', 'b')
        self.expect_error(SYNTAX, 'BITOP', 'FOO', 'd', 'a')
        self.expect_arity('bitop', ['BITOP', 'AND', 'd'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['BITOP', 'AND', 'd', 'a', 'z'], ['BITOP', 'NOT', 'd', 'z'])

    def test_bitfield(self):
        self.expect([0, 4, 4], 'BITFIELD', 'k', 'SET', 'u8', 0, 250, 'INCRBY', 'u8', 0, 10,
                    'GET', 'u8', 0)
        self.expect([255, -128], 'BITFIELD', 'k', 'OVERFLOW', 'SAT', 'INCRBY', 'u8', 0, 300,
                    'INCRBY', 'i8', '#1', -200)
        self.expect([None, 0], 'BITFIELD', 'k', 'OVERFLOW', 'FAIL', 'INCRBY', 'u8', 0, 1,
                    'OVERFLOW', 'WRAP', 'INCRBY', 'u8', 0, 1)
        self.expect([0, -1, 9223372036854775807], 'BITFIELD', 'wide', 'SET', 'i64', 0, -1,
                    'GET', 'i64', 0, 'GET', 'u63', 1)
        self.expect([], 'BITFIELD', 'k')
        self.expect([0], 'BITFIELD', 'absent', 'GET', 'u8', 0)
        self.expect(0, 'EXISTS', 'absent')
        self.expect([None], 'BITFIELD', 'new', 'OVERFLOW', 'FAIL', 'INCRBY', 'u8', 8, 256)
        self.expect(2, 'STRLEN', 'new')
        self.expect([255, 0], 'BITFIELD_RO', 'wide', 'GET', 'u8', 0, 'GET', 'i5', 1000)

    def test_bitfield_mistakes(self):
        for kind in ('u64', 'i65', 'u0', 'x8', '', 'U8', 'u'):
            self.expect_error(BAD_TYPE, 'BITFIELD', 'k', 'SET', 'u8', 0, 1, 'GET', kind, 0)
        for offset in (-1, 'x', '', '#', '#-1', 4294967296):
            self.expect_error(BAD_OFFSET, 'BITFIELD', 'k', 'SET', 'u8', offset, 1)
        self.expect_error(NOT_INTEGER, 'BITFIELD', 'k', 'SET', 'u8', 0, 'x')
        self.expect_error(SYNTAX, 'BITFIELD', 'k', 'SET', 'u8', 0)
        self.expect_error(SYNTAX, 'BITFIELD', 'k', 'FOO', 'u8', 0)
        self.expect_error('ERR Invalid OVERFLOW type specified', 'BITFIELD', 'k', 'OVERFLOW', 'FOO')
        self.expect_error('ERR BITFIELD_RO only supports the GET subcommand',
                          'BITFIELD_RO', 'k', 'SET', 'u8', 0, 1)
        self.expect(0, 'EXISTS', 'k')
        self.expect_arity('bitfield', ['BITFIELD'])
        self.expect_arity('bitfield_ro', ['BITFIELD_RO'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['BITFIELD', 'z', 'GET', 'u8', 0], ['BITFIELD', 'z', 'SET', 'u8', 0, 1],
                              ['BITFIELD_RO', 'z', 'GET', 'u8', 0])


@fastkv_only('newer than redis-server 7.0')
@both_protocols
class NewerBits(ServerCase):
    def test_bitop_diff_and_its_kin(self):
        self.expect(OK, 'MSET', 'a', b'\xf0\xf0', 'b', b'\xcc', 'c', b'\xaa\xaa')
        for name, result in (('DIFF', b'\x10\x50'), ('DIFF1', b'\x0e\x0a'), ('ANDOR', b'\xe0\xa0'),
                             ('ONE', b'\x16\x5a')):
            self.expect(2, 'BITOP', name, 'd', 'a', 'b', 'c')
            self.expect(result, 'GET', 'd')
            if name != 'ONE':
                self.expect_error(f'ERR BITOP {name} must be called with at least two source keys.',
                                  'BITOP', name.lower(), 'd', 'a')
        self.expect(2, 'BITOP', 'ONE', 'd', 'a')

    def test_bitrangeintarray(self):
        self.expect(OK, 'SET', 'k', b'\x81\x10')
        self.expect([0, 7, 11], 'BITRANGEINTARRAY', 'k', 0, -1)
        self.expect([7], 'BITRANGEINTARRAY', 'k', 1, 8, 'BIT')
        self.expect([1, 2], 'BITRANGEINTARRAY', 'k', 0, -1, 'BYTE', 'ZEROS', 'LIMIT', 2)
        self.expect([], 'BITRANGEINTARRAY', 'absent', 0, -1)
        self.expect(0, 'SETBIT', 'long', 999_999, 1)
        self.expect(list(range(999_999)), 'BITRANGEINTARRAY', 'long', 0, -1, 'ZEROS')
        self.expect([999_999], 'BITRANGEINTARRAY', 'long', 0, -1)
        self.expect_arity('bitrangeintarray', ['BITRANGEINTARRAY', 'k', 0])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['BITRANGEINTARRAY', 'z', 0, -1])

    def test_mistakes_come_before_the_key(self):
        self.expect_error(NOT_INTEGER, 'BITCOUNT', 'absent', 'x', 1)
        self.expect_error(SYNTAX, 'BITPOS', 'absent', 1, 0, 1, 'WORD')

    def test_bitcount_with_a_start_alone(self):
        self.expect(OK, 'SET', 'k', 'foobar')
        self.expect(7, 'BITCOUNT', 'k', -2)


class LongBitmaps(ServerCase):
    def test_long_bitmaps(self):
        a, b = os.urandom(3_000_000), os.urandom(2_500_000)
        self.expect(OK, 'MSET', 'a', a, 'b', b)
        self.expect(count_ones(a), 'BITCOUNT', 'a')
        both = bytes(x ^ y for x, y in zip(a, b)) + a[len(b):]
        for _ in range(2):  # The second time in place.
            self.expect(len(a), 'BITOP', 'XOR', 'd', 'a', 'b')
            self.assertTrue(self.c('GET', 'd') == both)
        self.expect(0, 'SETBIT', 'zeros', 16_000_001, 1)
        self.expect(16_000_001, 'BITPOS', 'zeros', 1)
        self.expect(1, 'BITCOUNT', 'zeros', 16_000_000, 16_000_005, 'BIT')

    def test_bits_are_set_while_others_count(self):
        size = 2_000_000
        self.expect(0, 'SETBIT', 'k', size * 8 - 1, 1)
        writer, counter = self.client(), self.client()
        counts = []

        def count():
            for _ in range(20):
                counts.extend(counter.pipeline([['BITCOUNT', 'k'], ['BITOP', 'OR', 'd', 'k', 'k']] * 5))

        thread = threading.Thread(target=count)
        thread.start()
        for first in range(0, 4000, 100):
            self.assertEqual([0] * 100, writer.pipeline(
                [['SETBIT', 'k', (first + i) * 3001, 1] for i in range(100)]))
        thread.join()
        ones = counts[::2]
        self.assertEqual(sorted(ones), ones)
        self.assertEqual({size}, set(counts[1::2]))
        self.expect(4001, 'BITCOUNT', 'k')
        self.expect(size, 'BITOP', 'OR', 'd', 'd', 'k')
        self.expect(4001, 'BITCOUNT', 'd')
