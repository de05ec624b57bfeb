"""Many clients at once against four workers."""

import random

from harness import OK, Error, ServerCase, in_processes, pairs, scaled, wait_until

PROCESSES = 8


# ---- what the processes do; `index` says which one ----

def increment(index, server, keys, rounds):
    """INCR random keys in pipelines; how often each."""
    dice = random.Random(index)
    counts = [0] * keys
    last = {}
    with server.client() as client:
        for _ in range(rounds):
            chosen = [dice.randrange(keys) for _ in range(50)]
            for key, reply in zip(chosen, client.pipeline([('INCR', f'n{key}')
                                                           for key in chosen])):
                counts[key] += 1
                assert isinstance(reply, int) and reply > last.get(key, 0), (key, reply)
                last[key] = reply
    return counts


def set_all(index, server, names, rounds):
    """MSET all names to one value at a time; now and then DEL them all."""
    with server.client() as client:
        for step in range(rounds):
            value = f'{index}:{step}' * (1 + step % 20)
            args = [part for name in names for part in (name, value)]
            assert client('MSET', *args) == OK
            if step % 10 == 0:
                assert client('DEL', *names) in (0, len(names))


def get_all(index, server, names, rounds):
    """MGET and EXISTS of all names: all the same, or none there."""
    dice = random.Random(index)
    with server.client() as client:
        for _ in range(rounds):
            order = dice.sample(names, len(names))
            values = client('MGET', *order)
            assert len(set(values)) == 1, f'torn: {sorted(set(map(str, values)))}'
            count = client('EXISTS', *order)
            assert count in (0, len(names)), f'{count} of {len(names)} exist'


def touch_singles(index, server, names, rounds):
    """Single-key commands on the same keys, which must not disturb."""
    with server.client() as client:
        for step in range(rounds):
            name = names[step % len(names)]
            replies = client.pipeline([('GET', name), ('INCR', f'own{index}'), ('TTL', name),
                                       ('STRLEN', name), ('TYPE', name), ('PERSIST', name)])
            assert replies[1] == step + 1, replies
            assert replies[2] in (-1, -2) and replies[4] in ('string', 'none'), replies


def move_members(index, server, rounds, members):
    """Change one shared sorted set in ways that keep what the readers check."""
    dice = random.Random(index)
    with server.client() as client:
        for _ in range(rounds):
            requests = []
            for _ in range(20):
                member = dice.randrange(members)
                requests += [('ZADD', 'z', dice.randrange(1000), f'm{member}'),
                             ('ZINCRBY', 'z', 1, f'm{member}'),
                             ('ZADD', 'z', 'XX', 'CH', dice.randrange(1000), f'm{member}')]
            for reply in client.pipeline(requests):
                assert not isinstance(reply, Error) and reply is not None, reply


def read_set(index, server, rounds, members):
    """Whole ranges are sorted, complete, and fit ZCARD."""
    with server.client() as client:
        for _ in range(rounds):
            found = pairs(client('ZRANGE', 'z', 0, -1, 'WITHSCORES'))
            assert len(found) == members, len(found)
            assert len({name for name, _ in found}) == members
            keys = [(float(score), name) for name, score in found]
            assert keys == sorted(keys)
            assert client('ZCARD', 'z') == members
            assert client('ZCOUNT', 'z', '-inf', 'inf') == members
            rank = client('ZRANK', 'z', found[0][0])
            assert 0 <= rank < members


def slow_commands(index, server, rounds):
    """Whole-keyspace and whole-set commands in a pipeline with quick ones: order holds."""
    with server.client() as client:
        n = 0
        for _ in range(rounds):
            replies = client.pipeline([
                ('INCR', f'slow{index}'), ('KEYS', 'n*'), ('INCR', f'slow{index}'),
                ('ZRANGE', 'z', 0, -1), ('INCR', f'slow{index}'), ('SCAN', 0, 'COUNT', 500),
                ('DBSIZE',), ('INCR', f'slow{index}'), ('ZCOUNT', 'z', 0, 'inf'), ('ECHO', 'end')])
            assert [replies[i] for i in (0, 2, 4, 7)] == [n + 1, n + 2, n + 3, n + 4], replies
            assert all(key.startswith(b'n') for key in replies[1])
            assert isinstance(replies[3], list) and isinstance(replies[5][1], list)
            assert replies[9] == b'end'
            n += 4


def delete_big_sets(index, server, rounds, members):
    """Make a big set and drop it in every way there is."""
    key = f'big{index}'
    args = [part for i in range(members) for part in (i, f'member:{i}')]
    with server.client() as client:
        for step in range(rounds):
            drop = [('DEL', key), ('UNLINK', key), ('SET', key, 'v'), ('PEXPIRE', key, -1),
                    ('ZPOPMIN', key, members)][step % 5]
            replies = client.pipeline([('DEL', key), ('ZADD', key, *args), ('ZCARD', key), drop,
                                       ('ZCARD' if drop[0] != 'SET' else 'GETDEL', key),
                                       ('EXISTS', key), ('ECHO', f'{step}')])
            assert replies[1] == replies[2] == members, replies[:3]
            assert replies[4] == (0 if drop[0] != 'SET' else b'v'), (drop[0], replies[4:])
            assert replies[5:] == [0, b'%d' % step], replies[5:]


def pop(index, server, rounds, share):
    """ZPOPMIN and ZPOPMAX until nothing is left; what came."""
    found = []
    with server.client() as client:
        while True:
            replies = client.pipeline([('ZPOPMIN', 'queue'), ('ZPOPMAX', 'queue', 3)])
            got = [name for reply in replies for name in reply[::2]]
            if not got:
                return found
            found += got


def claim(index, server, count):
    """SET NX, GETDEL: how many locks and tokens this process got."""
    with server.client() as client:
        locks = client.pipeline([('SET', f'lock{i}', f'{index}', 'NX') for i in range(count)])
        tokens = client.pipeline([('GETDEL', f'token{i}') for i in range(count)])
        assert set(locks) <= {OK, None} and set(tokens) <= {b'token', None}
        return locks.count(OK), tokens.count(b'token')


def append(index, server, rounds):
    with server.client() as client:
        sizes = client.pipeline([('APPEND', 'text', b'%c' % (97 + index) * 7)] * rounds)
        assert sizes == sorted(set(sizes))


def churn(index, server, rounds):
    """SET and DEL of own keys so that tables split while others look up."""
    with server.client() as client:
        for step in range(rounds):
            names = [f'churn:{index}:{step}:{i}' for i in range(500)]
            assert client.pipeline([('SET', name, name) for name in names]) == [OK] * 500
            assert client.pipeline([('GET', name) for name in names]) == \
                [name.encode() for name in names]
            if step % 2:
                assert client.pipeline([('DEL', name) for name in names]) == [1] * 500


class Concurrency(ServerCase):
    workers = 4

    def run_mixed(self, *jobs):
        """Run jobs, each (function, arguments), one process each."""
        def work(index):
            function, args = jobs[index]
            return function(index, self.server, *args)
        return in_processes(len(jobs), work)

    def test_totals_are_preserved(self):
        keys = 7
        results = in_processes(PROCESSES, increment, self.server, keys, scaled(150, 20))
        for key in range(keys):
            self.expect(str(sum(result[key] for result in results)).encode(), 'GET', f'n{key}')

    def test_multi_key_commands_are_atomic(self):
        names = [f'key:{i}' for i in range(10)]
        rounds = scaled(500, 50)
        self.run_mixed(*[(set_all, (names, rounds))] * 3, *[(get_all, (names, rounds))] * 3,
                       *[(touch_singles, (names, rounds))] * 2)

    def test_multi_key_commands_of_many_keys_are_atomic(self):
        names = [f'key:{i}' for i in range(300)]
        rounds = scaled(60, 10)
        self.run_mixed(*[(set_all, (names, rounds))] * 4, *[(get_all, (names, rounds))] * 4)

    def test_sorted_set_is_consistent(self):
        members = 200
        self.c('ZADD', 'z', *[part for i in range(members) for part in (i, f'm{i}')])
        self.run_mixed(*[(move_members, (scaled(60, 10), members))] * 4,
                       *[(read_set, (scaled(100, 10), members))] * 4)

    def test_large_sorted_set_while_slow_commands_run(self):
        members = scaled(20_000, 3_000)
        for start in range(0, members, 1000):
            end = min(members, start + 1000)
            self.c('ZADD', 'z', *[part for i in range(start, end) for part in (i, f'm{i}')])
        self.c.pipeline([('SET', f'n{i}', i) for i in range(2000)])
        self.run_mixed(*[(slow_commands, (scaled(15, 3),))] * 3,
                       *[(move_members, (scaled(40, 5), members))] * 3,
                       (read_set, (scaled(10, 2), members)),
                       (increment, (20, scaled(60, 10))))

    def test_big_sets_are_dropped(self):
        self.run_mixed(*[(delete_big_sets, (scaled(10, 5), scaled(5000, 1000)))] * 6,
                       *[(increment, (20, scaled(60, 10)))] * 2)

    def test_members_are_popped_once(self):
        count = scaled(10_000, 1_000)
        for start in range(0, count, 1000):
            self.c('ZADD', 'queue', *[part for i in range(start, min(count, start + 1000))
                                      for part in (i, f'm{i}')])
        results = in_processes(PROCESSES, pop, self.server, count, None)
        found = [name for result in results for name in result]
        self.assertEqual(sorted(found), sorted(b'm%d' % i for i in range(count)))
        self.expect(0, 'EXISTS', 'queue')

    def test_locks_and_tokens_are_given_once(self):
        count = scaled(1000, 200)
        self.c.pipeline([('SET', f'token{i}', 'token') for i in range(count)])
        results = in_processes(PROCESSES, claim, self.server, count)
        self.assertEqual([sum(column) for column in zip(*results)], [count, count])

    def test_appends_are_whole(self):
        rounds = scaled(500, 50)
        in_processes(PROCESSES, append, self.server, rounds)
        text = self.c('GET', 'text')
        self.assertEqual(len(text), PROCESSES * rounds * 7)
        pieces = [text[i:i + 7] for i in range(0, len(text), 7)]
        for index in range(PROCESSES):
            self.assertEqual(pieces.count(b'%c' % (97 + index) * 7), rounds)

    def test_tables_split_while_others_look_up(self):
        rounds = scaled(16, 4)
        jobs = [(churn, (rounds,))] * 6 + [(slow_commands, (scaled(10, 3),))] * 2
        self.run_mixed(*jobs)
        self.expect(6 * (rounds - rounds // 2) * 500 + 2, 'DBSIZE')

    def test_flushes_between(self):
        def flush(index, server, rounds):
            with server.client() as client:
                for _ in range(rounds):
                    assert client('FLUSHALL') == OK
                    assert isinstance(client('DBSIZE'), int)

        def use(index, server, rounds):
            with server.client() as client:
                for step in range(rounds):
                    replies = client.pipeline(
                        [('SET', f'{index}:{step}:{i}', 'v' * 50, 'EX', 100) for i in range(50)]
                        + [('ZADD', f'z{index}', i, f'm{i}') for i in range(100)]
                        + [('GET', f'{index}:{step}:{i}') for i in range(50)])
                    assert all(reply in (OK, 0, 1, None, b'v' * 50) for reply in replies)

        self.run_mixed(*[(flush, (scaled(60, 10),))] * 2, *[(use, (scaled(40, 8),))] * 6)
        self.expect(OK, 'FLUSHALL')
        self.expect(0, 'DBSIZE')
        wait_until(lambda: self.c('KEYS', '*') == [], what='an empty keyspace')

    def test_requests_wait_in_order_on_one_hot_key(self):
        """Parked requests of a connection are resumed in the order they came in."""
        def hot(index, server, rounds):
            with server.client() as client:
                for step in range(rounds):
                    replies = client.pipeline(
                        [request for i in range(30) for request in
                         (('INCR', 'hot'), ('SET', f'mine{index}', i), ('APPEND', 'hot2', 'x'),
                          ('GET', f'mine{index}'), ('ZINCRBY', 'hot3', 1, 'm'))])
                    assert replies[3::5] == [b'%d' % i for i in range(30)], replies[3::5]
                    assert replies[0::5] == sorted(set(replies[0::5]))
                    assert replies[2::5] == sorted(set(replies[2::5]))

        rounds = scaled(60, 8)
        in_processes(PROCESSES, hot, self.server, rounds)
        total = PROCESSES * rounds * 30
        self.expect(b'%d' % total, 'GET', 'hot')
        self.expect(total, 'STRLEN', 'hot2')
        self.expect(b'%d' % total, 'ZSCORE', 'hot3', 'm')

    def test_slow_commands_leave_the_neighbours_alone(self):
        """While one connection runs long commands, the others get through."""
        self.c.pipeline([('SET', f'k{i}', 'v') for i in range(scaled(50_000, 5_000))])
        slow = self.client()
        count = 20
        slow.send(slow.encode(('KEYS', '*')) * count)
        others = [self.client() for _ in range(16)]
        for _ in range(20):
            for other in others:
                other.send(other.encode(('GET', 'k1')) + other.encode(('INCR', 'n')))
            for other in others:
                self.assertEqual(other.reply(), b'v')
                self.assertIsInstance(other.reply(), int)
        for _ in range(count):
            self.assertGreaterEqual(len(slow.reply()), scaled(50_000, 5_000))

    def test_client_leaves_while_its_slow_command_runs(self):
        self.c.pipeline([('SET', f'k{i}', 'v') for i in range(scaled(20_000, 2_000))])
        for _ in range(scaled(50, 10)):
            client = self.client()
            client.send(client.encode(('KEYS', '*')) + client.encode(('FLUSHDB', 'FOO'))
                        + client.encode(('SCAN', 0, 'COUNT', 100000)))
            client.close()
        self.expect('PONG', 'PING')
        wait_until(lambda: int(self.server.info('clients')['connected_clients']) == 2,
                   what='all of them to be gone')
