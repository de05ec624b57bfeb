"""Keys of any type: DEL UNLINK EXISTS TYPE PERSIST, the EXPIRE and TTL families."""

import os
import time

from harness import NOT_INTEGER, OK, Error, ServerCase, arity, both_protocols, scaled

INT_MAX = 2**63 - 1
INT_MIN = -2**63
NX_AND_OTHERS = 'ERR NX and XX, GT or LT options at the same time are not compatible'
GT_AND_LT = 'ERR GT and LT options at the same time are not compatible'
SETTERS = ('EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT')


def now_ms():
    return int(time.time() * 1000)


@both_protocols
class Keys(ServerCase):
    def make(self):
        self.c('SET', 's', 'v')
        self.c('ZADD', 'z', 1, 'm')

    # ---- DEL, UNLINK, EXISTS, TYPE ----

    def check_delete(self, command):
        self.expect(0, command, 'absent')
        self.make()
        self.expect(1, command, 's')
        self.expect(None, 'GET', 's')
        self.make()
        self.expect(2, command, 's', 'absent', 'z', 's')
        self.expect(0, 'DBSIZE')
        self.c('SET', b'\0\r\n', 'v')
        self.expect(1, command, b'\0\r\n')
        self.expect_arity(command.lower(), [command])
        names = ['k%d' % i for i in range(scaled(2000, 100))]
        for name in names:
            self.c('SET', name, 'v')
        self.expect(len(names), command, *names[::-1])
        self.expect(0, 'DBSIZE')

    def test_del(self):
        self.check_delete('DEL')

    def test_unlink(self):
        self.check_delete('UNLINK')

    def test_del_of_big_values(self):
        for command in ('DEL', 'UNLINK'):
            self.c('SET', 'big', os.urandom(1 << 20))
            members = scaled(20000, 2000)
            for start in range(0, members, 1000):
                self.c('ZADD', 'zbig', *[part for i in range(start, start + 1000)
                                         for part in (i, f'm{i}')])
            self.expect(2, command, 'big', 'zbig')
            self.expect(0, 'EXISTS', 'big', 'zbig')
            self.expect(0, 'ZCARD', 'zbig')

    def test_exists(self):
        self.expect(0, 'EXISTS', 'absent')
        self.make()
        self.expect(1, 'EXISTS', 's')
        self.expect(1, 'EXISTS', 'z')
        self.expect(5, 'EXISTS', 's', 'z', 'absent', 's', 'z', 's')
        self.expect_arity('exists', ['EXISTS'])

    def test_object_encoding(self):
        self.expect(None, 'OBJECT', 'ENCODING', 'k')
        self.c('MSET', 'k', 'v', 'n', 12, 'long', 'x' * 100)
        self.c('ZADD', 'z', 1, 'm')
        self.expect(b'embstr', 'OBJECT', 'ENCODING', 'k')
        self.expect(b'int', 'object', 'encoding', 'n')
        self.expect(b'raw', 'OBJECT', 'ENCODING', 'long')
        self.expect(b'listpack', 'OBJECT', 'ENCODING', 'z')
        self.expect_arity('object', ['OBJECT'])
        self.expect_arity('object|encoding', ['OBJECT', 'ENCODING'], ['OBJECT', 'ENCODING', 'k', 'x'])
        self.expect_error("ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP.", 'OBJECT', 'NOSUCH')
        self.assertEqual(self.c('OBJECT', 'HELP')[0],
                         'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')

    def test_type(self):
        self.expect('none', 'TYPE', 'absent')
        self.make()
        self.c('SET', 'n', 5)
        self.expect('string', 'TYPE', 's')
        self.expect('string', 'TYPE', 'n')
        self.expect('zset', 'TYPE', 'z')
        self.expect_arity('type', ['TYPE'], ['TYPE', 'a', 'b'])

    # ---- reading a deadline ----

    def test_ttl(self):
        self.expect(-2, 'TTL', 'absent')
        self.make()
        self.expect(-1, 'TTL', 's')
        self.c('EXPIRE', 's', 100)
        self.between(99, 100, 'TTL', 's')
        self.c('PEXPIRE', 'z', 90_400)
        self.between(89, 90, 'TTL', 'z')
        self.expect_arity('ttl', ['TTL'], ['TTL', 'a', 'b'])

    def test_pttl(self):
        self.expect(-2, 'PTTL', 'absent')
        self.make()
        self.expect(-1, 'PTTL', 's')
        self.c('PEXPIRE', 's', 100_000)
        self.between(90_000, 100_000, 'PTTL', 's')
        self.expect_arity('pttl', ['PTTL'], ['PTTL', 'a', 'b'])

    def test_expiretime(self):
        self.expect(-2, 'EXPIRETIME', 'absent')
        self.make()
        self.expect(-1, 'EXPIRETIME', 's')
        self.c('PEXPIREAT', 's', 99_999_999_999_499)
        self.expect(99_999_999_999, 'EXPIRETIME', 's')
        self.c('PEXPIREAT', 's', 99_999_999_999_500)
        self.expect(100_000_000_000, 'EXPIRETIME', 's')
        self.expect_arity('expiretime', ['EXPIRETIME'], ['EXPIRETIME', 'a', 'b'])

    def test_pexpiretime(self):
        self.expect(-2, 'PEXPIRETIME', 'absent')
        self.make()
        self.expect(-1, 'PEXPIRETIME', 's')
        for when in (99_999_999_999_499, INT_MAX):
            self.c('PEXPIREAT', 's', when)
            self.expect(when, 'PEXPIRETIME', 's')
        self.expect_arity('pexpiretime', ['PEXPIRETIME'], ['PEXPIRETIME', 'a', 'b'])

    # ---- setting a deadline ----

    def deadline(self, command, seconds):
        """The argument that makes `command` set a deadline `seconds` from now."""
        return {'EXPIRE': seconds, 'PEXPIRE': seconds * 1000,
                'EXPIREAT': now_ms() // 1000 + seconds,
                'PEXPIREAT': now_ms() + seconds * 1000}[command]

    def check_setter(self, command):
        name = command.lower()
        self.expect(0, command, 'absent', self.deadline(command, 100))
        self.make()
        for key in ('s', 'z'):
            self.expect(1, command, key, self.deadline(command, 1000))
            self.between(990, 1000, 'TTL', key)
            self.expect(1, command, key, self.deadline(command, 500))
            self.between(490, 500, 'TTL', key)
        self.expect(b'v', 'GET', 's')
        self.expect(b'1', 'ZSCORE', 'z', 'm')
        self.expect_arity(name, [command], [command, 's'])
        for bad in ('abc', '', '1.5', '+1', ' 1', '1e3', '9223372036854775808'):
            self.expect_error(NOT_INTEGER, command, 's', bad)
        self.expect_error('ERR Unsupported option foo', command, 's', 5, 'foo')
        self.expect_error('ERR Unsupported option FOO', command, 's', 5, 'NX', 'FOO')
        self.between(480, 500, 'TTL', 's')

    def check_setter_in_the_past(self, command, *pasts):
        for past in pasts:
            self.make()
            self.expect(1, command, 's', past)
            self.expect(0, 'EXISTS', 's')
            self.expect(1, command, 'z', past)
            self.expect('none', 'TYPE', 'z')
            self.expect(0, 'DBSIZE')
            self.expect(0, command, 's', past)

    def check_setter_conditions(self, command):
        def near(seconds):
            self.between(seconds - 10, seconds, 'TTL', 's')

        def give(reply, seconds, *options):
            self.expect(reply, command, 's', self.deadline(command, seconds), *options)

        self.make()
        give(0, 1000, 'XX')
        give(0, 1000, 'GT')           # No deadline is infinitely late.
        self.expect(-1, 'TTL', 's')
        give(1, 1000, 'NX')
        give(0, 2000, 'NX')
        near(1000)
        give(1, 2000, 'XX')
        near(2000)
        give(0, 1000, 'GT')
        give(1, 3000, 'gt')
        near(3000)
        give(0, 4000, 'LT')
        give(1, 2000, 'lt')
        near(2000)
        give(1, 1000, 'LT', 'XX')
        give(1, 1500, 'XX', 'GT')
        near(1500)
        give(1, 1400, 'XX', 'XX')
        self.expect(1, 'PERSIST', 's')
        give(0, 100, 'XX', 'LT')
        give(0, 100, 'GT', 'XX')
        give(1, 100, 'LT')
        near(100)
        for options in (['NX', 'XX'], ['NX', 'GT'], ['NX', 'LT'], ['XX', 'NX'], ['GT', 'NX']):
            self.expect_error(NX_AND_OTHERS, command, 's', 5, *options)
        for options in (['GT', 'LT'], ['LT', 'GT', 'XX']):
            self.expect_error(GT_AND_LT, command, 's', 5, *options)
        self.expect(0, command, 'absent', self.deadline(command, 100), 'LT')

    def test_expire(self):
        self.check_setter('EXPIRE')
        self.check_setter_in_the_past('EXPIRE', 0, -1, -10**9)
        self.check_setter_conditions('EXPIRE')
        for far in (INT_MAX, INT_MAX // 1000 + 1, INT_MAX // 1000, INT_MIN):
            self.c('SET', 's', 'v')
            self.expect_error("ERR invalid expire time in 'expire' command", 'EXPIRE', 's', far)
            self.expect(-1, 'TTL', 's')

    def test_pexpire(self):
        self.check_setter('PEXPIRE')
        self.check_setter_in_the_past('PEXPIRE', 0, -1, -10**12)
        self.check_setter_conditions('PEXPIRE')
        self.c('SET', 's', 'v')
        self.expect_error("ERR invalid expire time in 'pexpire' command",
                          'PEXPIRE', 's', INT_MAX)
        self.expect(-1, 'TTL', 's')

    def test_expireat(self):
        self.check_setter('EXPIREAT')
        self.check_setter_in_the_past('EXPIREAT', 0, 1, -1, now_ms() // 1000 - 5)
        self.check_setter_conditions('EXPIREAT')
        self.c('SET', 's', 'v')
        self.expect_error("ERR invalid expire time in 'expireat' command",
                          'EXPIREAT', 's', INT_MAX)
        self.expect(-1, 'TTL', 's')

    def test_pexpireat(self):
        self.check_setter('PEXPIREAT')
        self.check_setter_in_the_past('PEXPIREAT', 0, 1, -1, now_ms() - 5)
        self.check_setter_conditions('PEXPIREAT')
        self.c('SET', 's', 'v')
        self.expect(1, 'PEXPIREAT', 's', INT_MAX)
        self.expect(INT_MAX, 'PEXPIRETIME', 's')
        self.expect(b'v', 'GET', 's')

    def test_a_condition_that_fails_does_not_delete(self):
        self.c('SET', 's', 'v', 'EX', 1000)
        for command in SETTERS:
            self.expect(0, command, 's', 1 if command[-2:] == 'AT' else -1, 'NX')
            self.expect(0, command, 's', 1 if command[-2:] == 'AT' else -1, 'GT')
        self.expect(1, 'EXISTS', 's')
        self.expect(1, 'EXPIRE', 's', -1, 'LT')
        self.expect(0, 'EXISTS', 's')

    def test_persist(self):
        self.expect(0, 'PERSIST', 'absent')
        self.make()
        self.expect(0, 'PERSIST', 's')
        for key in ('s', 'z'):
            self.c('EXPIRE', key, 100)
            self.expect(1, 'PERSIST', key)
            self.expect(-1, 'TTL', key)
            self.expect(0, 'PERSIST', key)
        self.expect(b'v', 'GET', 's')
        self.expect_arity('persist', ['PERSIST'], ['PERSIST', 'a', 'b'])

    def test_deadline_of_every_size_of_value(self):
        for size in (0, 1, 7, 8, 9, 50, 500, 20000):
            self.c('SET', 'k', 'x' * size)
            self.expect(1, 'EXPIRE', 'k', 100)
            self.expect(b'x' * size, 'GET', 'k')
            self.expect(1, 'PERSIST', 'k')
            self.expect(b'x' * size, 'GET', 'k')
            self.expect(1, 'PEXPIRE', 'k', 50_000)
            self.between(40_000, 50_000, 'PTTL', 'k')

    # ---- commands and their names ----

    def test_unknown_commands(self):
        head = "ERR unknown command '%s', with args beginning with: %s"
        self.expect_error(head % ('FOO', ''), 'FOO')
        self.expect_error(head % ('foo', "'a' 'b' "), 'foo', 'a', 'b')
        self.expect_error(head % ('GETT', "'k' "), 'GETT', 'k')
        got = self.c(b'bad\r\ncmd', b'x\r\ny')
        self.assertEqual(got, Error(head % ('bad  cmd', "'x  y' ")))
        got = self.c('N' * 300, 'a')
        self.assertTrue(got.text.startswith("ERR unknown command 'NNN"), got)
        got = self.c('FOO', 'a' * 300, 'b' * 300)
        self.assertTrue(got.text.startswith("ERR unknown command 'FOO', with args beginning with: "
                                            "'aaaaa"), got)
        self.assertLess(len(got.text), 512)
        self.expect(OK, 'SET', 'k', 'v')

    def test_arity_errors_name_the_command_in_lower_case(self):
        self.assertEqual(self.c('GeT'), Error(arity('get')))
        self.assertEqual(self.c('ZRANGEBYSCORE', 'k'), Error(arity('zrangebyscore')))
