"""Parts of strings: GETRANGE SUBSTR SETRANGE LCS INCRBYFLOAT."""

from harness import NOT_FLOAT, NOT_INTEGER, OK, SYNTAX, ServerCase, both_protocols, fastkv_only

TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'


@both_protocols
class StringParts(ServerCase):
    def test_getrange(self):
        self.expect(OK, 'SET', 'k', 'Hello World')
        for name in ('GETRANGE', 'SUBSTR'):
            self.expect(b'Hell', name, 'k', 0, 3)
            self.expect(b'orld', name, 'k', -4, -1)
            self.expect(b'', name, 'k', 5, 3)
            self.expect(b'Hello World', name, 'k', -5000, 5000)
            self.expect(b'H', name, 'k', 0, -100)
            self.expect(b'', name, 'k', -100, -101)
            self.expect(b'', name, 'absent', 0, -1)
            self.expect_error(NOT_INTEGER, name, 'k', 'x', 1)
            self.expect_error(NOT_INTEGER, name, 'k', 1, '1.5')
            self.expect_arity(name.lower(), [name, 'k', 1], [name, 'k', 1, 2, 3])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['GETRANGE', 'z', 0, 1], ['SUBSTR', 'z', 0, 1])

    def test_getrange_of_every_size(self):
        for size in (1, 15, 300, 16383, 16384, 100_000, 1 << 20):
            value = bytes(i * 7 % 251 for i in range(size))
            self.expect(OK, 'SET', 'k', value)
            for first, last in ((0, size - 1), (size // 3, size // 2), (size - 1, size)):
                self.expect(value[first:last + 1], 'GETRANGE', 'k', first, last)

    def test_setrange(self):
        self.expect(0, 'SETRANGE', 'k', 5, '')
        self.expect(0, 'EXISTS', 'k')
        self.expect(8, 'SETRANGE', 'k', 5, 'abc')
        self.expect(b'\0\0\0\0\0abc', 'GET', 'k')
        self.expect(8, 'SETRANGE', 'k', 1, 'XY')
        self.expect(b'\0XY\0\0abc', 'GET', 'k')
        self.expect(8, 'SETRANGE', 'k', 100, '')
        self.expect(OK, 'SET', 'n', 1234, 'EX', 100)
        self.expect(4, 'SETRANGE', 'n', 1, 3)
        self.expect(b'1334', 'GET', 'n')
        self.between(99, 100, 'TTL', 'n')
        self.expect(200_001, 'SETRANGE', 'n', 200_000, 'z')
        self.expect(b'1334' + bytes(199_996) + b'z', 'GET', 'n')
        self.expect(200_001, 'SETRANGE', 'n', 0, 'y' * 15_000)
        self.expect(b'y\0', 'GETRANGE', 'n', 14_999, 15_000)

    def test_setrange_mistakes(self):
        self.expect(OK, 'SET', 'k', 'v')
        self.expect_error('ERR offset is out of range', 'SETRANGE', 'k', -1, 'x')
        self.expect_error(NOT_INTEGER, 'SETRANGE', 'k', 'x', 'x')
        self.expect_error(TOO_LONG, 'SETRANGE', 'k', 536_870_912, 'x')
        self.expect_error(TOO_LONG, 'SETRANGE', 'absent', 536_870_911, 'xy')
        self.expect_error(TOO_LONG, 'SETRANGE', 'k', 9223372036854775807, 'xy')
        self.expect_arity('setrange', ['SETRANGE', 'k', 1], ['SETRANGE', 'k', 1, 2, 3])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['SETRANGE', 'z', 0, 'x'], ['SETRANGE', 'z', 0, ''])
        self.expect(b'v', 'GET', 'k')

    def test_incrbyfloat(self):
        self.expect(b'0.1', 'INCRBYFLOAT', 'k', '0.1')
        self.expect(b'0.3', 'INCRBYFLOAT', 'k', '0.2')
        self.expect(b'3000.5', 'INCRBYFLOAT', 'k', '3.0002e3')
        self.expect(b'-0.00000000000000005', 'INCRBYFLOAT', 'tiny', '-5e-17')
        self.expect(OK, 'SET', 'k', 10, 'EX', 100)
        self.expect(b'10.5', 'INCRBYFLOAT', 'k', '.5')
        self.between(99, 100, 'TTL', 'k')
        self.expect(b'0', 'INCRBYFLOAT', 'k', '-10.5')
        self.expect(1, 'INCR', 'k')
        self.expect_error(NOT_FLOAT, 'INCRBYFLOAT', 'k', 'abc')
        self.expect_error(NOT_FLOAT, 'INCRBYFLOAT', 'k', ' 1')
        self.expect_error(NOT_FLOAT, 'INCRBYFLOAT', 'k', 'nan')
        for infinite in ('inf', '-inf', '+infinity'):
            self.expect_error('ERR increment would produce NaN or Infinity', 'INCRBYFLOAT', 'k',
                              infinite)
        self.expect(OK, 'SET', 'k', 'text')
        self.expect_error(NOT_FLOAT, 'INCRBYFLOAT', 'k', 1)
        self.expect_arity('incrbyfloat', ['INCRBYFLOAT', 'k'], ['INCRBYFLOAT', 'k', 1, 2])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['INCRBYFLOAT', 'z', 1])

    def test_lcs(self):
        self.expect(OK, 'MSET', 'a', 'ohmytext', 'b', 'mynewtext')
        self.expect(b'mytext', 'LCS', 'a', 'b')
        self.expect(6, 'LCS', 'a', 'b', 'LEN')
        runs = [[[4, 7], [5, 8]], [[2, 3], [0, 1]]]
        self.expect([b'matches', runs, b'len', 6], 'LCS', 'a', 'b', 'IDX')
        self.expect([b'matches', [[*runs[0], 4]], b'len', 6],
                    'LCS', 'a', 'b', 'IDX', 'MINMATCHLEN', 4, 'WITHMATCHLEN')
        self.expect([b'matches', [], b'len', 0], 'LCS', 'a', 'absent', 'IDX')
        self.expect(b'', 'LCS', 'a', 'absent')
        self.expect(OK, 'SET', 'n', 1234)
        self.expect(OK, 'SET', 'm', 12334)
        self.expect(b'1234', 'LCS', 'n', 'm')

    def test_lcs_mistakes(self):
        self.expect_arity('lcs', ['LCS', 'a'])
        self.expect_error(SYNTAX, 'LCS', 'a', 'b', 'FOO')
        self.expect_error(SYNTAX, 'LCS', 'a', 'b', 'IDX', 'MINMATCHLEN')
        self.expect_error(NOT_INTEGER, 'LCS', 'a', 'b', 'IDX', 'MINMATCHLEN', 'x')
        self.expect_error('ERR If you want both the length and indexes, please just use IDX.',
                          'LCS', 'a', 'b', 'LEN', 'IDX')
        self.c('ZADD', 'z', 1, 'm')
        self.expect_error('ERR The specified keys must contain string values', 'LCS', 'a', 'z')



@fastkv_only('newer than redis-server 7.0')
@both_protocols
class Increx(ServerCase):
    def test_increx(self):
        self.expect([1, 1], 'INCREX', 'k')
        self.expect([6, 5], 'INCREX', 'k', 'BYINT', 5)
        self.expect([6, 0], 'INCREX', 'k', 'BYINT', 5, 'UBOUND', 10)
        self.expect([10, 4], 'INCREX', 'k', 'BYINT', 5, 'UBOUND', 10, 'SATURATE', 'EX', 100)
        self.between(99, 100, 'TTL', 'k')
        self.expect([b'10.5', b'0.5'], 'INCREX', 'k', 'BYFLOAT', '0.5', 'PERSIST')
        self.expect(-1, 'TTL', 'k')
        self.expect_error('ERR ENX flag requires an expiration', 'INCREX', 'k', 'ENX')
        self.expect_arity('increx', ['INCREX'])
        self.c('ZADD', 'z', 1, 'm')
        self.expect_wrongtype(['INCREX', 'z'])


class LongStrings(ServerCase):
    def test_lcs_of_long_strings(self):
        a = b'abcdefghij' * 500
        b = b'jihgfedcba' * 700
        self.expect(OK, 'MSET', 'a', a, 'b', b)
        length = self.c('LCS', 'a', 'b', 'LEN')
        common = self.c('LCS', 'a', 'b')
        self.assertEqual(length, len(common))
        self.assertGreater(length, 500)
        for text in (a, b):
            letters = iter(text)
            self.assertTrue(all(letter in letters for letter in common))
        self.expect(OK, 'SET', 'c', 'x' * 30_000)
        self.expect_error('ERR Insufficient memory, transient memory for LCS exceeds '
                          'proto-max-bulk-len', 'LCS', 'c', 'c')
