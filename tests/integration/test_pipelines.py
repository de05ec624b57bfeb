"""Pipelines: cut at every byte, deep, dripping, and mixed."""

from harness import OK, Error, ServerCase, both_protocols, fastkv_only, scaled

# Begins with what undoes it, so that it can be sent again and again with the same replies.
MIXED = [
    ('DEL', 'k', 'n', 'z', 'b', 'v'), ('SET', 'k', 'hello'), ('GET', 'k'), ('INCR', 'n'),
    ('SET', 'b', b'\0\r\n"\'\\ \n\xff'), ('GET', 'b'), ('APPEND', 'k', ' world'),
    ('ZADD', 'z', '1.5', 'one', '-2', 'two words'), ('ZRANGE', 'z', '0', '-1', 'WITHSCORES'),
    ('NOSUCH', 'x'), ('GET',), ('MGET', 'k', 'n', 'absent'), ('SET', 'v', '', 'EX', '100'),
    ('EXISTS', 'v', 'k'), ('INCRBY', 'k', '1'), ('GET', 'z'), ('ECHO', 'end'),
]
EXPECTED = [
    OK, b'hello', 1, OK, b'\0\r\n"\'\\ \n\xff', 11, 2, [b'two words', b'-2', b'one', b'1.5'],
    Error("ERR unknown command 'NOSUCH', with args beginning with: 'x' "),
    Error("ERR wrong number of arguments for 'get' command"), [b'hello world', b'1', None], OK, 2,
    Error('ERR value is not an integer or out of range'),
    Error('WRONGTYPE Operation against a key holding the wrong kind of value'), b'end',
]


@both_protocols
class Pipelines(ServerCase):
    def test_cut_at_every_byte(self):
        encoded = [self.c.encode(request) for request in MIXED]
        whole = b''.join(encoded)
        # A request before the cut whose reply shows that the server has read up to the cut.
        marker = self.c.encode(('ECHO', 'ready'))
        complete = 0
        ends = []
        for part in encoded:
            complete += len(part)
            ends.append(complete)
        for cut in range(1, len(whole)):
            self.c.send(marker + whole[:cut])
            self.assertEqual(self.c.reply(), b'ready')
            before = sum(end <= cut for end in ends)
            replies = [self.c.reply() for _ in range(before)]
            self.c.send(whole[cut:])
            replies += [self.c.reply() for _ in range(len(MIXED) - before)]
            self.assertEqual(replies[1:], EXPECTED, f'cut at byte {cut} of {len(whole)}')

    def test_one_byte_at_a_time(self):
        whole = b''.join(map(self.c.encode, MIXED))
        for _ in range(scaled(3)):
            for byte in whole:
                self.c.send(bytes([byte]))
            replies = [self.c.reply() for _ in MIXED]
            self.assertEqual(replies[1:], EXPECTED)

    def test_in_pieces_of_every_size(self):
        repeats = 5
        whole = b''.join(map(self.c.encode, MIXED)) * repeats
        for size in list(range(2, 40)) + [64, 100, 1000]:
            for start in range(0, len(whole), size):
                self.c.send(whole[start:start + size])
            for _ in range(repeats):
                replies = [self.c.reply() for _ in MIXED]
                self.assertEqual(replies[1:], EXPECTED, f'in pieces of {size}')

    def test_thousand_deep(self):
        count = 1000
        self.assertEqual(self.c.pipeline([('INCR', 'n')] * count), list(range(1, count + 1)))
        self.assertEqual(self.c.pipeline([('SET', f'k{i}', f'v{i}') for i in range(count)]),
                         [OK] * count)
        self.assertEqual(self.c.pipeline([('GET', f'k{i}') for i in range(count)]),
                         [b'v%d' % i for i in range(count)])
        self.assertEqual(self.c.pipeline([('DEL', f'k{i}') for i in range(count)]), [1] * count)

    def test_many_keys_in_each(self):
        # Up to more keys than a batch of requests has room for, in all and in one request.
        names = [f'key:{i}' for i in range(300)]
        self.assertEqual(self.c('MSET', *[word for name in names for word in (name, name)]), OK)
        counts = [1, 2, 100, 127, 128, 129, 30, 256, 257, 300, 3, 64, 64, 64, 64, 1]
        requests = []
        expected = []
        for count in counts:
            requests += [('MGET', *names[-count:]), ('EXISTS', *names[:count], 'absent'), ('PING',)]
            expected += [[name.encode() for name in names[-count:]], count, 'PONG']
        self.assertEqual(self.c.pipeline(requests), expected)
        self.assertEqual(self.c('DEL', *names), len(names))

    def test_members_of_few_sets(self):
        # Runs of requests for the same set fetch together what they read; whatever stands between
        # them and in them, the replies are those of one request at a time.
        members = [f'member:{i}' for i in range(500)]
        fill = [('FLUSHALL',), ('SET', 'string', 'x'), ('SELECT', 1), ('ZADD', 'large', 7, 'alone'),
                ('SELECT', 0), ('ZADD', 'small', 1, 'a', 2, 'b')]
        fill += [('ZADD', 'large', *[word for i in range(at, at + 100)
                                     for word in (i * 37 % 500 + 0.5, members[i])])
                 for at in range(0, 500, 100)]
        requests = []
        for i in range(0, 500, 5):
            requests += [
                ('ZRANK', 'large', members[i]), ('ZADD', 'large', -i, members[i]),
                ('ZREVRANK', 'large', members[i], 'WITHSCORE'), ('ZSCORE', 'large', 'absent'),
                ('ZADD', 'large', 'CH', 'GT', i, members[i + 1], i, f'new:{i}'),
                ('ZINCRBY', 'large', 2.5, members[i + 2]), ('ZADD', 'large', 'nan', members[i]),
                ('ZREM', 'large', members[i + 3], 'absent', members[i + 4]),
                ('ZSCORE', 'small', 'a'), ('ZRANK', 'small', 'b'), ('ZRANK', 'string', 'x'),
                ('ZADD', 'string', 1, 'x'), ('ZSCORE', 'nothing', 'x'), ('ZRANK', 'large'),
            ]
            if i % 25 == 0:
                requests += [('SELECT', 1), ('ZRANK', 'large', 'alone'), ('ZADD', 'large', i, 'new'),
                             ('SELECT', 0), ('ZADD', 'gone', 1, 'a', 2, 'b'),
                             ('ZREM', 'gone', 'a', 'b'), ('ZSCORE', 'gone', 'a'),
                             ('ZADD', 'gone', 1, 'a'), ('ZREM', 'gone', 'a')]
        requests += [('ZRANGE', 'large', 0, -1, 'WITHSCORES'), ('ZCARD', 'large')]
        self.c.pipeline(fill)
        expected = [self.c(*request) for request in requests]
        self.c.pipeline(fill)
        self.assertEqual(self.c.pipeline(requests), expected)
        self.assertEqual(expected[-1], 400)

    def test_very_deep(self):
        count = scaled(100_000, 10_000)
        self.assertEqual(self.c.pipeline([('INCR', 'n')] * count), list(range(1, count + 1)))

    def test_same_key_all_kinds(self):
        requests = [('SET', 'k', 1), ('INCR', 'k'), ('APPEND', 'k', '0'), ('GET', 'k'),
                    ('DEL', 'k'), ('GET', 'k'), ('ZADD', 'k', 1, 'm'), ('INCR', 'k'),
                    ('ZSCORE', 'k', 'm'), ('GETDEL', 'k'), ('SET', 'k', 'x', 'GET'),
                    ('UNLINK', 'k'), ('SET', 'k', 'v', 'NX', 'GET'), ('EXPIRE', 'k', -1),
                    ('EXISTS', 'k')]
        wrong = Error('WRONGTYPE Operation against a key holding the wrong kind of value')
        expected = [OK, 2, 2, b'20', 1, None, 1, wrong, b'1', wrong, wrong, 1, None, 1, 0]
        self.assertEqual(self.c.pipeline(requests * 300), expected * 300)

    def test_select_inside(self):
        requests = []
        for db in (0, 1, 2, 1, 0):
            requests += [('SELECT', db), ('INCR', 'n'), ('DBSIZE',)]
        self.assertEqual(self.c.pipeline(requests),
                         [OK, 1, 1, OK, 1, 1, OK, 1, 1, OK, 2, 1, OK, 2, 1])

    def test_many_connections_at_once(self):
        clients = [self.client() for _ in range(scaled(200, 30))]
        for round_ in range(5):
            for i, client in enumerate(clients):
                client.send(b''.join(client.encode(('INCR', f'n{i}')) for _ in range(20)))
            for client in clients:
                self.assertEqual([client.reply() for _ in range(20)],
                                 list(range(round_ * 20 + 1, round_ * 20 + 21)))


class Mixed(ServerCase):
    @fastkv_only('speaks RESP only')
    def test_protocols_side_by_side(self):
        clients = [(self.client('text'), self.client('resp')) for _ in range(20)]
        for i, (text, resp) in enumerate(clients):
            text.send(b''.join(text.encode(request) for request in MIXED[1:3]) * 20)
            resp.send(b''.join(resp.encode(('INCR', f'n{i}')) for _ in range(40)))
        for i, (text, resp) in enumerate(clients):
            self.assertEqual([text.reply() for _ in range(40)], [OK, b'hello'] * 20)
            self.assertEqual([resp.reply() for _ in range(40)], list(range(1, 41)))
