"""The keyspace as a whole: SELECT DBSIZE FLUSHDB FLUSHALL KEYS SCAN RANDOMKEY."""

import threading

from harness import (NOT_INTEGER, OK, SYNTAX, ServerCase, both_protocols, fastkv_only, is_redis,
                     scaled, wait_until)

OUT_OF_RANGE = 'ERR DB index is out of range'


def scan_all(client, *options):
    """All keys that a whole SCAN returns, in its order."""
    cursor, found = b'0', []
    while True:
        cursor, keys = client('SCAN', cursor, *options)
        found += keys
        if cursor == b'0':
            return found


@both_protocols
class Databases(ServerCase):
    def test_select(self):
        self.c('SET', 'k', 'zero')
        self.expect(OK, 'SELECT', 1)
        self.expect(None, 'GET', 'k')
        self.c('SET', 'k', 'one')
        self.expect(OK, 'SELECT', 15)
        self.expect(0, 'DBSIZE')
        self.expect(OK, 'SELECT', 0)
        self.expect(b'zero', 'GET', 'k')
        self.expect(OK, 'SELECT', 1)
        self.expect(b'one', 'GET', 'k')
        self.expect_error(OUT_OF_RANGE, 'SELECT', 16)
        self.expect_error(OUT_OF_RANGE, 'SELECT', -1)
        self.expect_error(OUT_OF_RANGE, 'SELECT', 2**31 - 1)
        for bad in ('abc', '', '1.5', '9223372036854775808', '+1'):
            self.expect_error(NOT_INTEGER, 'SELECT', bad)
        self.expect(b'one', 'GET', 'k')
        self.expect_arity('select', ['SELECT'], ['SELECT', 1, 2])

    def test_select_is_of_the_connection(self):
        self.expect(OK, 'SELECT', 3)
        self.c('SET', 'k', 'three')
        other = self.client()
        self.assertIsNone(other('GET', 'k'))
        self.expect(b'three', 'GET', 'k')

    def test_databases_are_apart(self):
        for db in range(16):
            self.expect(OK, 'SELECT', db)
            for i in range(db):
                self.c('SET', f'k{i}', f'{db}:{i}')
            self.c('ZADD', 'z', db, 'm')
        for db in range(16):
            self.expect(OK, 'SELECT', db)
            self.expect(db + 1, 'DBSIZE')
            self.assertEqual(sorted(self.c('KEYS', '*')),
                             sorted([b'z'] + [b'k%d' % i for i in range(db)]))
            self.assertEqual(sorted(scan_all(self.c)), sorted(self.c('KEYS', '*')))
            self.expect(b'%d' % db, 'ZSCORE', 'z', 'm')
            if db:
                self.expect(f'{db}:0'.encode(), 'GET', 'k0')
        self.c('SELECT', 5)
        self.expect(1, 'DEL', 'k0')
        self.expect(1, 'EXPIRE', 'k1', -1)
        self.expect(4, 'DBSIZE')
        self.c('SELECT', 6)
        self.expect(7, 'DBSIZE')
        self.c('EXPIRE', 'k0', 100)
        self.c('SELECT', 7)
        self.expect(-1, 'TTL', 'k0')

    def test_dbsize(self):
        self.expect(0, 'DBSIZE')
        for i in range(100):
            self.c('SET', f'k{i}', i)
        self.expect(100, 'DBSIZE')
        self.c('SET', 'k0', 'again')
        self.c('DEL', 'k1', 'k2', 'k1')
        self.expect(98, 'DBSIZE')
        self.expect_arity('dbsize', ['DBSIZE', 'x'])

    def check_flush(self, command, others_left):
        for option in ([], ['ASYNC'], ['SYNC'], ['sync']):
            for db in (0, 1, 9):
                self.c('SELECT', db)
                self.c('SET', 'k', db)
                self.c('ZADD', 'z', 1, 'm')
                self.c('SET', 'volatile', 'v', 'EX', 100)
            self.c('SELECT', 1)
            self.expect(OK, command, *option)
            self.expect(0, 'DBSIZE')
            self.expect(None, 'GET', 'k')
            self.expect([], 'KEYS', '*')
            self.expect(None, 'RANDOMKEY')
            self.expect(-2, 'TTL', 'volatile')
            self.expect([b'0', []], 'SCAN', 0)
            self.expect(OK, 'SET', 'k', 'again')
            self.expect(1, 'DBSIZE')
            for db in (0, 9):
                self.c('SELECT', db)
                self.expect(3 if others_left else 0, 'DBSIZE')
        self.c('SELECT', 0)
        for wrong in (['FOO'], ['ASYNC', 'SYNC'], [''], ['ASYNC', 'ASYNC']):
            self.expect_error(SYNTAX, command, *wrong)

    def test_flushdb(self):
        self.check_flush('FLUSHDB', True)

    def test_flushall(self):
        self.check_flush('FLUSHALL', False)

    def test_flushall_in_a_pipeline(self):
        replies = self.c.pipeline([('SET', 'a', 1), ('FLUSHALL',), ('DBSIZE',), ('SET', 'b', 2),
                                   ('KEYS', '*'), ('FLUSHDB',), ('GET', 'b'), ('INCR', 'b')])
        self.assertEqual(replies, [OK, OK, 0, OK, [b'b'], OK, None, 1])


@both_protocols
class Keys(ServerCase):
    def test_keys(self):
        self.expect([], 'KEYS', '*')
        names = ['a', 'b', 'abc', 'aXc', 'axc', 'hello', 'hallo', 'hxllo', 'h*llo', 'h?llo',
                 'h[llo', 'a\\b', '', 'x' * 100]
        for name in names:
            self.c('SET', name, 'v')
        for pattern, expected in (
                ('*', names), ('a', ['a']), ('A', []), ('a*', ['a', 'abc', 'aXc', 'axc', 'a\\b']),
                ('*c', ['abc', 'aXc', 'axc']), ('?', ['a', 'b']), ('??', []),
                ('h?llo', ['hello', 'hallo', 'hxllo', 'h*llo', 'h?llo', 'h[llo']),
                ('h[ae]llo', ['hello', 'hallo']), ('h[^e]llo', ['hallo', 'hxllo', 'h*llo', 'h?llo',
                                                               'h[llo']),
                ('h[a-e]llo', ['hello', 'hallo']), ('h[e-a]llo', ['hello', 'hallo']),
                ('h\\*llo', ['h*llo']), ('h\\?llo', ['h?llo']), ('h\\[llo', ['h[llo']),
                ('h[\\[]llo', ['h[llo']), ('a\\\\b', ['a\\b']), ('', ['']), ('*l*o*', [
                    'hello', 'hallo', 'hxllo', 'h*llo', 'h?llo', 'h[llo']),
                ('**', names[:-2] + names[-1:]),
                ('h**o', ['hello', 'hallo', 'hxllo', 'h*llo', 'h?llo', 'h[llo']),
                ('a[a-z]c', ['abc', 'axc']), ('x*x', ['x' * 100]), ('[ab]', ['a', 'b']),
                ('[a', ['a']), ('absent', [])):
            got = self.c('KEYS', pattern)
            if pattern == '**':
                got = [name for name in got if name]  # Redis takes it to need a byte.
            self.assertEqual(sorted(got), sorted(name.encode() for name in expected), pattern)
        self.expect_arity('keys', ['KEYS'], ['KEYS', 'a', 'b'])

    def test_keys_of_binary_names(self):
        names = [b'\0', b'a\0b', b'\r\n', b'\xff\xfe', bytes(range(1, 128))]
        for name in names:
            self.c('SET', name, 'v')
        self.assertEqual(sorted(self.c('KEYS', '*')), sorted(names))
        self.expect([b'a\0b'], 'KEYS', b'a\0*')
        self.expect([b'\0'], 'KEYS', b'\0')
        self.expect([b'\xff\xfe'], 'KEYS', b'[\xf0-\xff]\xfe')

    def test_keys_of_a_pattern_that_backtracks(self):
        self.c('SET', 'a' * 60, 'v')
        self.expect([], 'KEYS', '*a' * 12 + 'b')
        self.expect([], 'KEYS', 'a*' * 20 + 'b')
        self.expect([b'a' * 60], 'KEYS', '*a' * 30)

    def test_keys_and_scan_of_many(self):
        count = scaled(20000, 2000)
        client = self.client('resp')
        client.pipeline([('SET', f'key:{i}', i) for i in range(count)])
        names = sorted(b'key:%d' % i for i in range(count))
        self.assertEqual(sorted(self.c('KEYS', '*')), names)
        self.assertEqual(sorted(self.c('KEYS', 'key:1?')), [b'key:%d' % i for i in range(10, 20)])
        for options in ([], ['COUNT', 1000], ['COUNT', 10 * count], ['MATCH', 'key:*']):
            self.assertEqual(sorted(scan_all(self.c, *options)), names)
        self.assertEqual(sorted(scan_all(self.c, 'MATCH', 'key:1?', 'COUNT', 500)),
                         [b'key:%d' % i for i in range(10, 20)])

    def test_randomkey(self):
        self.expect(None, 'RANDOMKEY')
        self.c('SET', 'only', 'v')
        self.expect(b'only', 'RANDOMKEY')
        names = {b'k%d' % i for i in range(20)}
        self.c('DEL', 'only')
        for name in names:
            self.c('SET', name, 'v')
        seen = set()
        for _ in range(2000):
            seen.add(self.c('RANDOMKEY'))
            if seen == names:
                break
        self.assertEqual(seen, names)
        self.expect_arity('randomkey', ['RANDOMKEY', 'x'])


@both_protocols
class Scan(ServerCase):
    def test_scan(self):
        self.expect([b'0', []], 'SCAN', 0)
        names = [b'k%d' % i for i in range(300)]
        for i, name in enumerate(names):
            if i % 3:
                self.c('SET', name, 'v')
            else:
                self.c('ZADD', name, 1, 'm')
        for options in ([], ['COUNT', 1], ['COUNT', 7], ['COUNT', 5000], ['count', 100]):
            self.assertEqual(sorted(scan_all(self.c, *options)), sorted(names))
        self.assertEqual(sorted(scan_all(self.c, 'MATCH', 'k1?')),
                         [b'k%d' % i for i in range(10, 20)])
        self.assertEqual(sorted(scan_all(self.c, 'TYPE', 'zset')), sorted(names[::3]))
        self.assertEqual(sorted(scan_all(self.c, 'type', 'STRING', 'match', 'k1*', 'count', 50)),
                         sorted(n for i, n in enumerate(names) if i % 3 and n.startswith(b'k1')))
        self.assertEqual(scan_all(self.c, 'TYPE', 'list'), [])
        self.assertEqual(scan_all(self.c, 'TYPE', 'nosuchtype'), [])
        self.assertEqual(scan_all(self.c, 'MATCH', 'none*'), [])

    def test_scan_errors(self):
        for bad in ('abc', '-x', '1.5', '99999999999999999999999', '1 '):
            self.expect_error('ERR invalid cursor', 'SCAN', bad)
        self.expect_error(SYNTAX, 'SCAN', 0, 'COUNT')
        self.expect_error(SYNTAX, 'SCAN', 0, 'COUNT', 0)
        self.expect_error(SYNTAX, 'SCAN', 0, 'COUNT', -1)
        self.expect_error(NOT_INTEGER, 'SCAN', 0, 'COUNT', 'x')
        self.expect_error(SYNTAX, 'SCAN', 0, 'FOO', 1)
        self.expect_error(SYNTAX, 'SCAN', 0, 'MATCH')
        self.expect_error(SYNTAX, 'SCAN', 0, 'MATCH', '*', 'TYPE')
        self.expect_arity('scan', ['SCAN'])

    def test_scan_of_a_cursor_nobody_gave(self):
        for i in range(100):
            self.c('SET', f'k{i}', i)
        for cursor in (1, 5, 12345, 2**31, 2**63, 2**64 - 1):
            reply = self.c('SCAN', cursor)
            self.assertEqual(len(reply), 2)
            self.assertTrue(reply[0].isdigit(), reply)

    def test_scan_gives_about_count(self):
        self.client('resp').pipeline([('SET', f'k{i}', i) for i in range(10000)])
        for count in (10, 100, 1000):
            _, keys = self.c('SCAN', 0, 'COUNT', count)
            self.assertLessEqual(len(keys), 20 * count)

    def churn(self, stop, protocol):
        """Keys come and go, in waves that make the table grow."""
        client = self.server.client(protocol)
        wave = 0
        with client:
            while not stop.is_set():
                names = [f'churn:{wave}:{i}' for i in range(2000)]
                client.pipeline([('SET', name, 'v') for name in names])
                client.pipeline([('DEL', name) for name in names[::2]])
                if wave >= 3:
                    old = [f'churn:{wave - 3}:{i}' for i in range(2000)]
                    client.pipeline([('UNLINK', name) for name in old])
                wave += 1
        return wave

    def test_scan_while_keys_come_and_go(self):
        steady = {b'steady:%d' % i for i in range(scaled(3000, 300))}
        self.client('resp').pipeline([('SET', name, 'v') for name in steady])
        stop = threading.Event()
        churner = threading.Thread(target=self.churn, args=(stop, self.protocol))
        churner.start()
        try:
            for count in (10, 3, 100, 1000, 37):
                found = scan_all(self.c, 'COUNT', count)
                missing = steady.difference(found)
                self.assertFalse(missing, f'{len(missing)} keys were present throughout')
                if not is_redis():
                    kept = [name for name in found if name in steady]
                    self.assertEqual(len(kept), len(set(kept)), 'a key came twice')
                known = [name for name in found
                         if not name.startswith((b'steady:', b'churn:'))]
                self.assertEqual(known, [])
        finally:
            stop.set()
            churner.join()

    def test_scan_while_the_table_grows_and_is_emptied(self):
        steady = {b'steady:%d' % i for i in range(500)}
        self.client('resp').pipeline([('SET', name, 'v') for name in steady])
        other = self.client('resp')
        cursor, found, made = b'0', [], 0
        while True:
            cursor, keys = self.c('SCAN', cursor, 'COUNT', 20)
            found += keys
            if cursor == b'0':
                break
            if made < 20000:
                other.pipeline([('SET', f'x{made + i}', 'v') for i in range(1000)])
                made += 1000
            else:
                other.pipeline([('DEL', f'x{i}') for i in range(20000)])
        self.assertFalse(steady.difference(found))
        if not is_redis():
            self.assertEqual(len(found), len(set(found)), 'a key came twice')

    def test_two_scans_at_once(self):
        names = {b'k%d' % i for i in range(1000)}
        self.client('resp').pipeline([('SET', name, 'v') for name in names])
        other = self.client()
        first, second = [], []
        one = two = b'0'
        while True:
            if one is not None:
                one, keys = self.c('SCAN', one, 'COUNT', 13)
                first += keys
                one = None if one == b'0' else one
            if two is not None:
                two, keys = other('SCAN', two, 'COUNT', 17)
                second += keys
                two = None if two == b'0' else two
            if one is None and two is None:
                break
        self.assertEqual(names.difference(first), set())
        self.assertEqual(names.difference(second), set())


class FlushUnderLoad(ServerCase):
    def test_flushall_while_others_write(self):
        stop = threading.Event()
        problems = []

        def write(index):
            try:
                with self.server.client() as client:
                    count = 0
                    while not stop.is_set():
                        replies = client.pipeline(
                            [('SET', f'{index}:{count + i}', 'v') for i in range(100)]
                            + [('ZADD', f'z{index}', i, f'm{i}') for i in range(50)])
                        count += 100
                        wrong = [r for r in replies if r not in (OK, 0, 1)]
                        if wrong:
                            problems.append(wrong[0])
                            return
            except Exception as why:
                problems.append(repr(why))

        writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(scaled(100, 20)):
                self.expect(OK, 'FLUSHALL')
                self.between(0, 10**9, 'DBSIZE')
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.assertEqual(problems, [])
        self.assertEqual(self.c('DBSIZE'), len(self.c('KEYS', '*')))
        self.expect(OK, 'FLUSHALL')
        self.expect(0, 'DBSIZE')

    @fastkv_only('frees while it answers')
    def test_flushall_gives_the_memory_back(self):
        client = self.client()
        before = int(self.server.info('memory')['used_memory'])
        for start in range(0, scaled(50000, 5000), 1000):
            client.pipeline([('SET', f'k{start + i}', 'v' * 100) for i in range(1000)])
        self.assertGreater(int(self.server.info('memory')['used_memory']), before + 100 * 5000)
        self.expect(OK, 'FLUSHALL')
        wait_until(lambda: int(self.server.info('memory')['used_memory']) < before + 2_000_000,
                   10, 'the memory of flushed keys')
