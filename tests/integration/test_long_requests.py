"""Requests with many keys, members or bytes: executed in the background, as one unit."""

import threading
import time

from harness import OK, ServerCase, arity, both_protocols, scaled

MANY = 20000


def names(count, prefix='k'):
    return [f'{prefix}{i}' for i in range(count)]


def interleaved(keys, value):
    return [word for key in keys for word in (key, value)]


@both_protocols
class ManyKeys(ServerCase):
    @property
    def keys(self):
        return names(MANY if self.protocol == 'resp' else 3000)  # A line of text has 64 KiB.

    def test_all_of_them(self):
        keys = self.keys
        self.assertEqual(self.c('MSET', *interleaved(keys, 'v')), OK)
        self.assertEqual(self.c('DBSIZE'), len(keys))
        self.assertEqual(self.c('MGET', *keys, 'absent'), [b'v'] * len(keys) + [None])
        self.assertEqual(self.c('EXISTS', *keys, 'absent', keys[0]), len(keys) + 1)
        self.assertEqual(self.c('MSET', *interleaved(keys, 'w'), keys[0], 'x'), OK)
        self.assertEqual(self.c('MGET', *keys[:3]), [b'x', b'w', b'w'])
        self.assertEqual(self.c('DEL', *keys, 'absent'), len(keys))
        self.assertEqual(self.c('DBSIZE'), 0)

    def test_mistakes(self):
        words = interleaved(self.keys, 'v')
        self.expect_error(arity('mset'), 'MSET', *words, 'odd')
        self.assertEqual(self.c('DBSIZE'), 0)
        self.expect_error(arity('get'), 'GET', *self.keys)
        self.assertEqual(str(self.c('NOSUCH', *self.keys)).count('unknown command'), 1)
        self.expect_error(arity('echo'), 'ECHO', *self.keys)

    def test_in_order_in_a_pipeline(self):
        keys = self.keys
        requests = [('SET', 'k0', 'first'), ('MSET', *interleaved(keys, 'v')), ('GET', 'k0'),
                    ('SET', 'k1', 'second'), ('MGET', *keys), ('INCR', 'n'), ('DEL', *keys),
                    ('EXISTS', 'k1'), ('ECHO', 'end')]
        for request in requests * 3:
            self.c.send(self.c.encode(request))
        for _ in range(3):
            replies = [self.c.reply() for _ in requests]
            n = replies[5]
            self.assertEqual(replies, [OK, OK, b'v', OK, [b'v', b'second'] + [b'v'] * (len(keys) - 2),
                                       n, len(keys), 0, b'end'])

    def test_many_members(self):
        members = [word for i in range(len(self.keys)) for word in (str(i), f'm{i}')]
        self.assertEqual(self.c('ZADD', 'z', *members), len(self.keys))
        popped = self.c('ZPOPMIN', 'z', str(len(self.keys) - 10))
        self.assertEqual(len(popped), 2 * len(self.keys) - 20)
        self.assertEqual(popped[-1], b'%d' % (len(self.keys) - 11))
        self.assertEqual(self.c('ZREM', 'z', *[f'm{i}' for i in range(len(self.keys))]), 10)
        self.assertEqual(self.c('EXISTS', 'z'), 0)


class Values(ServerCase):
    def test_a_value_of_many_bytes(self):
        value = bytes(range(256)) * (32 * 1024)
        pipeline = [('SET', 'big', value), ('STRLEN', 'big'), ('APPEND', 'big', 'x'), ('GET', 'big'),
                    ('SET', 'big', 'small', 'GET'), ('GET', 'big')]
        for request in pipeline:
            self.c.send(self.c.encode(request))
        replies = [self.c.reply() for _ in pipeline]
        self.assertEqual(replies, [OK, len(value), len(value) + 1, value + b'x', value + b'x',
                                   b'small'])

    def test_a_client_that_leaves(self):
        words = interleaved(names(MANY), 'v')
        for _ in range(scaled(10)):
            client = self.client()
            client.send(client.encode(('MSET', *words)))
            client.close()
        self.assertEqual(self.c('PING'), 'PONG')
        self.assertEqual(self.c('DEL', *names(MANY)) in (0, MANY), True)


class Together(ServerCase):
    """Clients that set the same keys at once: each MSET is one unit, and all get on."""

    def test_sets_are_seen_whole(self):
        keys = names(5000)
        rounds = scaled(8)
        problems = []

        def write(value):
            with self.client() as client:
                for i in range(rounds):
                    client('MSET', *interleaved(keys, f'{value}-{i}'))

        def read():
            with self.client() as client:
                for _ in range(rounds):
                    seen = set(client('MGET', *keys))
                    if len(seen) != 1:
                        problems.append(seen)

        self.c('MSET', *interleaved(keys, 'begin'))
        threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
        threads += [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_short_commands_go_on(self):
        keys = names(MANY)
        over = threading.Event()

        def write():
            with self.client() as client:
                while not over.is_set():
                    client('MSET', *interleaved(keys, 'v'))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 1
        done = 0
        while time.monotonic() < end:
            self.assertEqual(self.c('SET', f'other{done % 100}', 'x'), OK)
            done += 1
        over.set()
        for thread in threads:
            thread.join()
        self.assertGreater(done, 20)


class Readers(ServerCase):
    """Those who read all of a set again and again leave room for those who change it."""

    def test_writers_get_on(self):
        members = [word for i in range(50000) for word in (str(i), f'member{i}')]
        self.expect(50000, 'ZADD', 'z', *members)
        over = threading.Event()

        def read():
            with self.client() as client:
                while not over.is_set():
                    client('ZRANGE', 'z', '0', '-1')

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        waits = []
        for i in range(scaled(20)):
            begin = time.monotonic()
            self.expect(1, 'ZADD', 'z', '7', f'new{i}')
            waits.append(time.monotonic() - begin)
        over.set()
        for thread in threads:
            thread.join()
        self.assertLess(max(waits), 10)
