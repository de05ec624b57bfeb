"""Expiry: invisible at the deadline, removed at the deadline, and that of many keys."""

import random
import time

from harness import (OK, ServerCase, both_protocols, fastkv_only, patience, scaled,
                     wait_until)


@both_protocols
class Expiry(ServerCase):
    def now_ms(self):
        seconds, micros = self.c('TIME')
        return int(seconds) * 1000 + int(micros) // 1000

    def watch_deadline(self, key, deadline, *request):
        """Ask around the deadline: visible before it, invisible from it on."""
        seen_before = seen_after = False
        while not seen_after:
            earliest = self.now_ms()
            reply = self.c(*request)
            left = self.c('PTTL', key)
            latest = self.now_ms()
            if latest < deadline:
                self.assertIsNotNone(reply, f'{deadline - latest} ms before the deadline')
                self.assertTrue(deadline - latest - 1 <= left <= deadline - earliest + 1,
                                f'PTTL {left}, {deadline - latest} to {deadline - earliest}')
                seen_before = True
            # In its very millisecond both are right: Redis keeps it until that is over.
            elif earliest > deadline:
                self.assertIsNone(reply, f'{earliest - deadline} ms after the deadline')
                self.assertEqual(left, -2)
                seen_after = True
        return seen_before

    def test_value_around_the_deadline(self):
        before = 0
        for i in range(20):
            self.expect(OK, 'SET', 'k', 'v', 'PX', 5 + 3 * i)
            deadline = self.c('PEXPIRETIME', 'k')
            if deadline > 0:
                before += self.watch_deadline('k', deadline, 'GET', 'k')
        self.assertGreater(before, 0)

    def test_set_around_the_deadline(self):
        before = 0
        for i in range(10):
            self.c('ZADD', 'z', 1, 'm')
            self.expect(1, 'PEXPIRE', 'z', 10 + 5 * i)
            deadline = self.c('PEXPIRETIME', 'z')
            if deadline > 0:
                before += self.watch_deadline('z', deadline, 'ZSCORE', 'z', 'm')
        self.assertGreater(before, 0)

    def expired(self):
        """Make key k a string and z a set that are past their deadlines."""
        when = self.now_ms() + 3
        self.c('SET', 'k', '5', 'PXAT', when)
        self.c('ZADD', 'z', 1, 'm')
        self.c('PEXPIREAT', 'z', when)
        while self.now_ms() <= when:
            pass

    def test_every_command_sees_an_expired_key_as_absent(self):
        for request, reply in (
                (('GET', 'k'), None), (('MGET', 'k', 'z'), [None, None]), (('STRLEN', 'k'), 0),
                (('EXISTS', 'k', 'z'), 0), (('TYPE', 'k'), 'none'), (('TTL', 'k'), -2),
                (('PTTL', 'z'), -2), (('EXPIRETIME', 'k'), -2), (('PEXPIRETIME', 'z'), -2),
                (('DEL', 'k', 'z'), 0), (('UNLINK', 'k', 'z'), 0), (('PERSIST', 'k'), 0),
                (('EXPIRE', 'k', 100), 0), (('GETDEL', 'k'), None), (('INCR', 'k'), 1),
                (('INCRBY', 'z', 3), 3), (('APPEND', 'k', 'abc'), 3),
                (('SET', 'k', 'new', 'NX'), OK), (('SET', 'k', 'new', 'XX'), None),
                (('SET', 'k', 'new', 'GET'), None), (('ZCARD', 'z'), 0),
                (('ZSCORE', 'z', 'm'), None), (('ZADD', 'z', 1, 'm'), 1),
                (('ZADD', 'z', 'XX', 1, 'm'), 0), (('ZADD', 'k', 1, 'm'), 1),
                (('ZREM', 'z', 'm'), 0), (('ZRANGE', 'z', 0, -1), []), (('ZPOPMIN', 'z'), []),
                (('ZINCRBY', 'z', 7, 'm'), b'7'), (('ZCOUNT', 'z', '-inf', 'inf'), 0),
                (('KEYS', '*'), []), (('SCAN', 0), [b'0', []]), (('RANDOMKEY',), None),
                (('MSET', 'k', 'a', 'z', 'b'), OK)):
            self.expired()
            self.expect(reply, *request)
            self.c('DEL', 'k', 'z')

    def test_what_is_made_anew_has_no_deadline(self):
        for request in (('INCR', 'k'), ('APPEND', 'k', 'x'), ('ZADD', 'k', 1, 'm'),
                        ('SET', 'k', 'v', 'KEEPTTL'), ('MSET', 'k', 'v')):
            self.expired()
            self.c(*request)
            self.expect(-1, 'TTL', 'k')

    def test_removed_without_access(self):
        for i in range(scaled(1000, 200)):
            self.c('SET', f'k{i}', 'v', 'PX', 20 + i % 50)
        self.c('SET', 'stays', 'v', 'EX', 1000)
        self.c('SET', 'too', 'v')
        wait_until(lambda: self.c('DBSIZE') == 2, 5, 'expired keys to be removed')
        self.expect(b'v', 'GET', 'stays')

    def test_deadlines_that_change(self):
        self.c.pipeline([  # At once, so that none expires before it is changed.
            ('SET', 'later', 'v', 'PX', 30), ('EXPIRE', 'later', 1000),
            ('SET', 'never', 'v', 'PX', 30), ('PERSIST', 'never'),
            ('SET', 'overwritten', 'v', 'PX', 30), ('SET', 'overwritten', 'w'),
            ('SET', 'sooner', 'v', 'EX', 1000), ('PEXPIRE', 'sooner', 30),
            ('SET', 'deleted', 'v', 'PX', 30), ('DEL', 'deleted'), ('SET', 'deleted', 'again'),
            ('SET', 'marker', 'v', 'PX', 60)])
        wait_until(lambda: self.c('EXISTS', 'marker') == 0, what='the last deadline')
        self.expect([b'v', b'v', b'w', None, b'again'],
                    'MGET', 'later', 'never', 'overwritten', 'sooner', 'deleted')
        wait_until(lambda: self.c('DBSIZE') == 4, what='the expired to be removed')

    def test_deadlines_at_the_end_of_time(self):
        self.expect(OK, 'SET', 'a', 'v')
        self.expect(1, 'PEXPIREAT', 'a', 2 ** 63 - 1)
        self.expect(2 ** 63 - 1, 'PEXPIRETIME', 'a')
        self.expect((2 ** 63 - 1) // 1000 + 1, 'EXPIRETIME', 'a')
        self.expect(OK, 'SET', 'b', 'v')
        self.expect(1, 'PEXPIREAT', 'b', 18446744073709552)  # In microseconds, more than 64 bits.
        before = self.server.cpu()
        time.sleep(0.3)  # What a server uses that sleeps.
        self.assertLess(self.server.cpu() - before, 0.1)

    def test_deadlines_in_every_database(self):
        for db in range(16):
            self.c('SELECT', db)
            self.c('SET', 'gone', 'v', 'PX', 20)
            self.c('SET', 'kept', 'v')
        for db in range(16):
            self.c('SELECT', db)
            wait_until(lambda: self.c('DBSIZE') == 1, what='the expired to be removed')
            self.expect([b'kept'], 'KEYS', '*')

    @fastkv_only('removes a sample now and then')
    def test_removed_promptly_among_many(self):
        """Removal of few keys among many volatile ones, without anybody looking at them."""
        client = self.client('resp')
        many = scaled(50_000, 5_000)
        for start in range(0, many, 1000):
            client.pipeline([('SET', f'far{start + i}', 'v', 'EX', 10_000 + i)
                             for i in range(1000)])
        lags = []
        for i in range(30):
            deadline = self.now_ms() + 10
            client('SET', f'near{i}', 'v', 'PXAT', deadline)
            wait_until(lambda: client('DBSIZE') == many, what='its removal')
            lags.append(self.now_ms() - deadline)
        lags.sort()
        self.assertLess(lags[len(lags) // 2], patience(50), lags)
        self.assertLess(lags[-1], patience(500), lags)

    def test_many_at_the_same_deadline(self):
        client = self.client('resp')
        count = scaled(30_000, 3_000)
        when = self.now_ms() + int(patience(1500))
        replies = client.pipeline([('SET', f'k{i}', 'v' * (i % 100), 'PXAT', when)
                                   for i in range(count)])
        self.assertEqual(replies, [OK] * count)
        began = time.monotonic()
        wait_until(lambda: self.now_ms() > when, 30, 'the deadline')
        self.assertEqual(client.pipeline([('EXISTS', f'k{i}') for i in range(0, count, 100)]),
                         [0] * len(range(0, count, 100)))
        wait_until(lambda: client('DBSIZE') == 0, 10, 'all to be removed')
        self.assertLess(time.monotonic() - began, patience(30))

    def test_random_deadlines_against_a_model(self):
        dice = random.Random(5)
        deadlines = {}
        for step in range(scaled(2000, 300)):
            key = b'k%d' % dice.randrange(100)
            if dice.random() < 0.5:
                when = self.now_ms() + dice.randrange(1, 200)
                self.expect(OK, 'SET', key, 'v', 'PXAT', when)
                deadlines[key] = when
            else:
                before = self.now_ms()
                there = self.c('EXISTS', key)
                after = self.now_ms()
                when = deadlines.get(key)
                if when is None or before > when:
                    self.assertEqual(there, 0, f'step {step}')
                elif after < when:
                    self.assertEqual(there, 1, f'step {step}')


class ExpiryWhileBusy(ServerCase):
    def test_expiring_keys_are_used_by_many(self):
        """Writers renew keys with short deadlines while readers look: a value or nothing."""
        clients = [self.client() for _ in range(8)]
        for _ in range(scaled(100, 20)):
            for i, client in enumerate(clients):
                client.send(b''.join(
                    client.encode(request) for j in range(10) for request in
                    (('SET', f'k{j}', f'{i}', 'PX', 1 + j % 3), ('GET', f'k{j}'),
                     ('PEXPIRE', f'k{j}', 2), ('INCR', f'k{j}'), ('PERSIST', f'k{j}'),
                     ('DEL', f'k{j}'))))
            for client in clients:
                for _ in range(10):
                    self.assertEqual(client.reply(), OK)
                    self.assertTrue((client.reply() or b'0').isdigit())
                    self.assertIn(client.reply(), (0, 1))
                    self.assertIsInstance(client.reply(), int)
                    self.assertIn(client.reply(), (0, 1))
                    self.assertIn(client.reply(), (0, 1))
        wait_until(lambda: self.c('DBSIZE') == 0, what='nothing to be left')
