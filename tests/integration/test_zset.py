"""Sorted sets: changing them and asking about single members."""

import os
import random

from harness import (NOT_FLOAT, NOT_INTEGER, OUT_OF_RANGE, SYNTAX, ServerCase, both_protocols,
                     fastkv_only, pairs, scaled)

GT_LT_NX = 'ERR GT, LT, and/or NX options at the same time are not compatible'
XX_NX = 'ERR XX and NX options at the same time are not compatible'
ONE_PAIR = 'ERR INCR option supports a single increment-element pair'
NOT_A_NUMBER = 'ERR resulting score is not a number (NaN)'

# More members than any packed encoding takes, and members longer than it takes.
SIZES = (3, 127, 128, 129, 500)


@both_protocols
class SortedSets(ServerCase):
    def content(self, key='z'):
        return pairs(self.c('ZRANGE', key, 0, -1, 'WITHSCORES'))

    def fill(self, count, key='z'):
        """m000 ... with scores 0 ..."""
        self.c('DEL', key)
        self.c('ZADD', key, *[part for i in range(count) for part in (i, 'm%03d' % i)])

    # ---- ZADD ----

    def test_zadd(self):
        self.expect(1, 'ZADD', 'z', 1, 'a')
        self.expect(2, 'ZADD', 'z', 2, 'b', 3, 'c')
        self.expect(0, 'ZADD', 'z', 2, 'b')
        self.expect(1, 'ZADD', 'z', 9, 'a', 4, 'd')
        self.assertEqual(self.content(), [(b'b', b'2'), (b'c', b'3'), (b'd', b'4'), (b'a', b'9')])
        self.expect(1, 'ZADD', 'z', 1, 'same', 2, 'same')
        self.expect(b'2', 'ZSCORE', 'z', 'same')
        self.expect_arity('zadd', ['ZADD'], ['ZADD', 'z'], ['ZADD', 'z', 1])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZADD', 's', 1, 'm'], ['ZADD', 's', 'XX', 1, 'm'],
                              ['ZADD', 's', 'INCR', 1, 'm'])

    def test_zadd_errors_change_nothing(self):
        self.c('ZADD', 'z', 1, 'a')
        for bad in ('abc', '', 'nan', 'NaN', '1.2.3', '1 ', ' 1', '1e', '--1', '1,5', '0x', 'infi',
                    '1\0'):
            self.expect_error(NOT_FLOAT, 'ZADD', 'z', 2, 'b', bad, 'c')
            self.expect_error(NOT_FLOAT, 'ZADD', 'z', bad, 'c')
            self.expect_error(NOT_FLOAT, 'ZADD', 'new', 'NX', bad, 'c')
        self.expect_error(SYNTAX, 'ZADD', 'z', 2, 'b', 3)
        self.expect_error(SYNTAX, 'ZADD', 'z', 'NX', 2)
        self.expect_error(SYNTAX, 'ZADD', 'z', 'NX', 'CH')
        self.expect_error(SYNTAX, 'ZADD', 'z', 'NX', 'XX', 'GT')
        self.expect_error(NOT_FLOAT, 'ZADD', 'z', 'FOO', 'b')
        self.expect_error(NOT_FLOAT, 'ZADD', 'z', 1, 'b', 'NX', 'c')
        self.expect(1, 'DBSIZE')
        self.assertEqual(self.content(), [(b'a', b'1')])

    def test_zadd_nx(self):
        self.expect(1, 'ZADD', 'z', 'NX', 1, 'a')
        self.expect(1, 'ZADD', 'z', 'nx', 5, 'a', 2, 'b')
        self.assertEqual(self.content(), [(b'a', b'1'), (b'b', b'2')])
        self.expect(1, 'ZADD', 'z', 'NX', 'CH', 5, 'a', 3, 'c')
        for wrong in (['NX', 'GT'], ['NX', 'LT'], ['GT', 'NX', 'CH']):
            self.expect_error(GT_LT_NX, 'ZADD', 'z', *wrong, 1, 'a')
        self.expect_error(XX_NX, 'ZADD', 'z', 'NX', 'XX', 1, 'a')
        self.expect_error(XX_NX, 'ZADD', 'z', 'XX', 'NX', 1, 'a')

    def test_zadd_xx(self):
        self.expect(0, 'ZADD', 'z', 'XX', 1, 'a')
        self.expect(0, 'EXISTS', 'z')
        self.c('ZADD', 'z', 1, 'a')
        self.expect(0, 'ZADD', 'z', 'XX', 5, 'a', 2, 'b')
        self.assertEqual(self.content(), [(b'a', b'5')])
        self.expect(1, 'ZADD', 'z', 'xx', 'ch', 6, 'a', 2, 'b')

    def test_zadd_gt_lt(self):
        self.expect(2, 'ZADD', 'z', 'GT', 5, 'a', 5, 'b')
        self.expect(0, 'ZADD', 'z', 'GT', 4, 'a', 6, 'b')
        self.assertEqual(self.content(), [(b'a', b'5'), (b'b', b'6')])
        self.expect(1, 'ZADD', 'z', 'LT', 'CH', 4, 'a', 7, 'b')
        self.assertEqual(self.content(), [(b'a', b'4'), (b'b', b'6')])
        self.expect(1, 'ZADD', 'z', 'gt', 1, 'new')
        self.expect(0, 'ZADD', 'z', 'GT', 'XX', 9, 'absent')
        self.expect(1, 'ZADD', 'z', 'XX', 'GT', 'CH', 9, 'absent', 9, 'a')
        self.expect(0, 'ZADD', 'z', 'GT', 'CH', 9, 'a')
        self.expect_error(GT_LT_NX, 'ZADD', 'z', 'GT', 'LT', 1, 'a')
        self.expect_error(GT_LT_NX, 'ZADD', 'z', 'LT', 'GT', 'XX', 1, 'a')

    def test_zadd_ch(self):
        self.expect(2, 'ZADD', 'z', 'CH', 1, 'a', 2, 'b')
        self.expect(2, 'ZADD', 'z', 'CH', 1, 'a', 3, 'b', 4, 'c')
        self.expect(0, 'ZADD', 'z', 'CH', 1, 'a')
        self.expect(1, 'ZADD', 'z', 'Ch', 0, 'a')

    def test_zadd_incr(self):
        self.expect(b'5', 'ZADD', 'z', 'INCR', 5, 'a')
        self.expect(b'3.5', 'ZADD', 'z', 'incr', -1.5, 'a')
        self.expect(None, 'ZADD', 'z', 'INCR', 'NX', 1, 'a')
        self.expect(b'1', 'ZADD', 'z', 'INCR', 'NX', 1, 'b')
        self.expect(None, 'ZADD', 'z', 'XX', 'INCR', 1, 'absent')
        self.expect(None, 'ZADD', 'z', 'INCR', 'GT', -1, 'a')
        self.expect(b'4.5', 'ZADD', 'z', 'INCR', 'GT', 1, 'a')
        self.expect(None, 'ZADD', 'z', 'INCR', 'LT', 1, 'a')
        self.expect(b'4', 'ZADD', 'z', 'INCR', 'CH', 'LT', -0.5, 'a')
        self.expect(None, 'ZADD', 'absent', 'INCR', 'XX', 1, 'a')
        self.expect(0, 'EXISTS', 'absent')
        self.expect_error(ONE_PAIR, 'ZADD', 'z', 'INCR', 1, 'a', 2, 'b')
        self.c('ZADD', 'z', 'inf', 'i')
        self.expect_error(NOT_A_NUMBER, 'ZADD', 'z', 'INCR', '-inf', 'i')
        self.expect(b'inf', 'ZSCORE', 'z', 'i')

    def test_zadd_moves_members_and_orders_ties(self):
        for size in SIZES:
            self.fill(size)
            for i in range(size):
                self.expect(0, 'ZADD', 'z', size - i, 'm%03d' % i)
            names = [b'm%03d' % i for i in range(size)]
            self.assertEqual([name for name, _ in self.content()], names[::-1])
            self.c('ZADD', 'z', *[part for name in names for part in (7, name)])
            self.assertEqual(self.content(), [(name, b'7') for name in names])
            self.expect(size, 'ZCARD', 'z')

    def test_ties_are_ordered_by_bytes(self):
        names = [b'', b'\0', b'\0\0', b'A', b'Z', b'a', b'aa', b'b', b'\x7f', b'\x80', b'\xff',
                 b'\r\n', b' ']
        self.c('ZADD', 'z', *[part for name in names for part in (1, name)])
        self.assertEqual([name for name, _ in self.content()], sorted(names))
        for rank, name in enumerate(sorted(names)):
            self.expect(rank, 'ZRANK', 'z', name)

    def test_zadd_of_long_members(self):
        long = [b'%c' % (97 + i) * size
                for i, size in enumerate((63, 64, 65, 66, 255, 256, 5000, 20000, 65))]
        for i, name in enumerate(long):
            self.c('ZADD', 'z', i, name)
            self.expect(str(i).encode(), 'ZSCORE', 'z', name)
        self.expect(len(long), 'ZCARD', 'z')
        for name in long:
            self.expect(1, 'ZREM', 'z', name)
        self.expect(0, 'EXISTS', 'z')

    def test_zadd_of_many_in_one_request(self):
        count = scaled(5000, 500)
        client = self.client('resp')
        order = list(range(count))
        random.Random(7).shuffle(order)
        self.assertEqual(client('ZADD', 'z', *[part for i in order for part in (i, f'm{i}')]),
                         count)
        self.assertEqual(self.content(),
                         [(b'm%d' % i, b'%d' % i) for i in range(count)])

    # ---- scores ----

    def test_scores_read(self):
        for text, shown in (('0', b'0'), ('1', b'1'), ('+1', b'1'), ('1.0', b'1'),
                            ('1.5', b'1.5'), ('-2.25', b'-2.25'), ('1e3', b'1000'),
                            ('0x10', b'16'), ('.5', b'0.5'), ('5.', b'5'), ('inf', b'inf'),
                            ('+inf', b'inf'), ('-inf', b'-inf'), ('Infinity', b'inf'),
                            ('-INFINITY', b'-inf'), ('9007199254740992', b'9007199254740992'),
                            ('123456789012', b'123456789012'), ('0.015625', b'0.015625')):
            self.expect(1, 'ZADD', 'z', text, 'm')
            self.expect(shown, 'ZSCORE', 'z', 'm')
            self.assertEqual(self.content(), [(b'm', shown)])
            self.c('DEL', 'z')

    @fastkv_only('writes scores with 17 digits before 7.2')
    def test_scores_are_written_in_their_shortest_form(self):
        for text, shown in (('0.1', b'0.1'), ('3.3', b'3.3'), ('-1.1', b'-1.1'),
                            ('1e30', b'1e+30'),
                            ('1.7976931348623157e308', b'1.7976931348623157e+308'),
                            ('5e-324', b'5e-324'), ('1e-5', b'0.00001'), ('1e-7', b'1e-7'),
                            ('0.30000000000000004', b'0.30000000000000004'),
                            ('2.5e-10', b'2.5e-10'), ('1e21', b'1e+21'),
                            ('123456789.123', b'123456789.123'),
                            ('4503599627370495', b'4503599627370495'),
                            ('0.0009765625', b'9.765625e-4')):
            self.expect(1, 'ZADD', 'z', text, 'm')
            self.expect(shown, 'ZSCORE', 'z', 'm')
            self.assertEqual(self.content(), [(b'm', shown)])
            self.c('DEL', 'z')

    def test_scores_beyond_a_double(self):
        for text in ('1e400', '-1e400', '1e-400', '-1e-400'):
            self.expect_error(NOT_FLOAT, 'ZADD', 'z', text, 'm')

    def test_infinite_scores_order(self):
        self.c('ZADD', 'z', 'inf', 'top', 0, 'mid', '-inf', 'low', 1e300, 'high')
        self.assertEqual([name for name, _ in self.content()], [b'low', b'mid', b'high', b'top'])
        self.expect([b'low'], 'ZRANGE', 'z', '-inf', '-inf', 'BYSCORE')
        self.expect([b'top'], 'ZRANGE', 'z', '(1e300', 'inf', 'BYSCORE')
        self.expect([b'mid', b'high'], 'ZRANGE', 'z', '(-inf', '(inf', 'BYSCORE')

    # ---- ZREM, ZSCORE, ZCARD ----

    def test_zrem(self):
        self.expect(0, 'ZREM', 'absent', 'm')
        for size in SIZES:
            self.fill(size)
            self.expect(2, 'ZREM', 'z', 'm000', 'absent', 'm002', 'm000')
            self.expect(size - 2, 'ZCARD', 'z')
            self.expect(0, 'ZREM', 'z', '')
            self.expect(size - 2, 'ZREM', 'z', *['m%03d' % i for i in range(size)])
            self.expect(0, 'EXISTS', 'z')
            self.expect(0, 'DBSIZE')
        self.expect_arity('zrem', ['ZREM'], ['ZREM', 'z'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZREM', 's', 'm'])

    def test_zrem_leaves_the_deadline(self):
        self.fill(5)
        self.c('EXPIRE', 'z', 100)
        self.expect(1, 'ZREM', 'z', 'm000')
        self.expect(1, 'ZADD', 'z', 1, 'x' * 100)
        self.between(98, 100, 'TTL', 'z')
        self.fill(5)
        self.expect(-1, 'TTL', 'z')

    def test_zscore(self):
        self.expect(None, 'ZSCORE', 'absent', 'm')
        for size in SIZES:
            self.fill(size)
            for i in range(0, size, 7):
                self.expect(b'%d' % i, 'ZSCORE', 'z', 'm%03d' % i)
            self.expect(None, 'ZSCORE', 'z', 'absent')
            self.expect(None, 'ZSCORE', 'z', '')
        self.expect_arity('zscore', ['ZSCORE', 'z'], ['ZSCORE', 'z', 'm', 'n'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZSCORE', 's', 'm'])

    def test_zcard(self):
        self.expect(0, 'ZCARD', 'absent')
        for size in SIZES:
            self.fill(size)
            self.expect(size, 'ZCARD', 'z')
        self.expect_arity('zcard', ['ZCARD'], ['ZCARD', 'z', 'y'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZCARD', 's'])

    # ---- ZRANK, ZREVRANK ----

    def test_zrank(self):
        self.expect(None, 'ZRANK', 'absent', 'm')
        for size in SIZES:
            self.fill(size)
            for i in range(size):
                self.expect(i, 'ZRANK', 'z', 'm%03d' % i)
            self.expect(None, 'ZRANK', 'z', 'absent')
        self.expect_arity('zrank', ['ZRANK', 'z'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZRANK', 's', 'm'])

    def test_zrevrank(self):
        self.expect(None, 'ZREVRANK', 'absent', 'm')
        for size in SIZES:
            self.fill(size)
            for i in range(size):
                self.expect(size - 1 - i, 'ZREVRANK', 'z', 'm%03d' % i)
            self.expect(None, 'ZREVRANK', 'z', 'absent')
        self.expect_arity('zrevrank', ['ZREVRANK', 'z'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZREVRANK', 's', 'm'])

    @fastkv_only('has WITHSCORE since 7.2')
    def test_zrank_withscore(self):
        for size in SIZES:
            self.fill(size)
            self.expect([1, b'1'], 'ZRANK', 'z', 'm001', 'WITHSCORE')
            self.expect([size - 2, b'1'], 'ZREVRANK', 'z', 'm001', 'withscore')
        for command in ('ZRANK', 'ZREVRANK'):
            self.expect(None, command, 'z', 'absent', 'WITHSCORE')
            self.expect(None, command, 'absent', 'm', 'WITHSCORE')
            self.expect_error(SYNTAX, command, 'z', 'm001', 'FOO')
            self.expect_error(SYNTAX, command, 'z', 'm001', 'WITHSCORES')
            self.expect_arity(command.lower(), [command, 'z', 'm001', 'WITHSCORE', 'x'])

    # ---- ZINCRBY ----

    def test_zincrby(self):
        self.expect(b'5', 'ZINCRBY', 'z', 5, 'a')
        self.expect(b'2.5', 'ZINCRBY', 'z', -2.5, 'a')
        self.expect(b'2.5', 'ZINCRBY', 'z', 0, 'a')
        self.expect(b'inf', 'ZINCRBY', 'z', 'inf', 'a')
        self.expect_error(NOT_A_NUMBER, 'ZINCRBY', 'z', '-inf', 'a')
        self.expect(b'inf', 'ZSCORE', 'z', 'a')
        for bad in ('abc', 'nan', ''):
            self.expect_error(NOT_FLOAT, 'ZINCRBY', 'z', bad, 'a')
        self.expect_arity('zincrby', ['ZINCRBY', 'z', 1], ['ZINCRBY', 'z', 1, 'a', 'b'])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZINCRBY', 's', 1, 'm'])
        for size in SIZES:
            self.fill(size)
            self.expect(b'%d' % (size + 1), 'ZINCRBY', 'z', size + 1, 'm000')
            self.expect(size - 1, 'ZRANK', 'z', 'm000')

    # ---- ZPOPMIN, ZPOPMAX ----

    def check_pop(self, command, last):
        self.expect([], command, 'absent')
        self.expect([], command, 'absent', 5)
        for size in SIZES:
            self.fill(size)
            expected = [(b'm%03d' % i, b'%d' % i) for i in range(size)]
            if last:
                expected.reverse()
            self.assertEqual(pairs(self.c(command, 'z')), expected[:1])
            self.expect([], command, 'z', 0)
            self.assertEqual(pairs(self.c(command, 'z', 1)), expected[1:2])
            self.expect(size - 2, 'ZCARD', 'z')
            self.assertEqual(pairs(self.c(command, 'z', size * 10)), expected[2:])
            self.expect(0, 'EXISTS', 'z')
        self.fill(3)
        self.expect_error(OUT_OF_RANGE, command, 'z', -1)
        self.expect_error(OUT_OF_RANGE, command, 'z', 'abc')
        self.expect_error(SYNTAX, command, 'z', 1, 2)
        self.expect_arity(command.lower(), [command])
        self.c('SET', 's', 'v')
        self.expect_wrongtype([command, 's'], [command, 's', 2])

    def test_zpopmin(self):
        self.check_pop('ZPOPMIN', last=False)

    def test_zpopmax(self):
        self.check_pop('ZPOPMAX', last=True)

    # ---- random changes against a model ----

    def test_random_changes_against_a_model(self):
        seed = int(os.environ.get('FASTKV_SEED') or random.randrange(1 << 32))
        dice = random.Random(seed)
        model = {}
        requests, expected = [], []
        for _ in range(scaled(6000, 600)):
            name = b'n%d' % dice.randrange(400)
            score = dice.randrange(-50, 50)
            kind = dice.randrange(10)
            ordered = None
            if kind < 5:
                requests.append(('ZADD', 'z', score, name))
                expected.append(int(name not in model))
                model[name] = score
            elif kind < 7:
                requests.append(('ZREM', 'z', name))
                expected.append(int(model.pop(name, None) is not None))
            elif kind < 9:
                ordered = sorted(model, key=lambda name: (model[name], name))
                requests.append(('ZRANK', 'z', name))
                expected.append(ordered.index(name) if name in model else None)
            else:
                ordered = sorted(model, key=lambda name: (model[name], name))
                start, stop = sorted((dice.randrange(400), dice.randrange(400)))
                requests.append(('ZRANGE', 'z', start, stop))
                expected.append(ordered[start:stop + 1])
        replies = self.c.pipeline(requests)
        for i, (request, got, want) in enumerate(zip(requests, replies, expected)):
            self.assertEqual(got, want, f'request {i}: {request} (FASTKV_SEED={seed})')


@both_protocols
class Ranges(ServerCase):
    def setUp(self):
        super().setUp()
        self.sizes = SIZES

    def fill(self, count):
        self.c('DEL', 'z')
        self.c('ZADD', 'z', *[part for i in range(count) for part in (i * 2, 'm%03d' % i)])
        return [b'm%03d' % i for i in range(count)]

    def test_zrange_by_index(self):
        self.expect([], 'ZRANGE', 'absent', 0, -1)
        for size in self.sizes:
            names = self.fill(size)
            edges = sorted({0, 1, 2, size - 2, size - 1, size, size + 5, -1, -2, -size, -size - 1,
                            -size - 5, size // 2, 2**31, -2**31, 2**63 - 1, -2**63})
            for start in edges:
                for stop in edges:
                    first = max(0, start + size if start < 0 else start)
                    last = min(size - 1, stop + size if stop < 0 else stop)
                    expected = names[first:last + 1] if first <= last else []
                    self.expect(expected, 'ZRANGE', 'z', start, stop)
            self.expect([b'm001', b'2', b'm002', b'4'], 'ZRANGE', 'z', 1, 2, 'WITHSCORES')
        for bad in ('abc', '', '1.5', '(1', '[1', '9223372036854775808', ' 1'):
            self.expect_error(NOT_INTEGER, 'ZRANGE', 'z', bad, 1)
            self.expect_error(NOT_INTEGER, 'ZRANGE', 'z', 0, bad)
        self.expect_arity('zrange', ['ZRANGE', 'z'], ['ZRANGE', 'z', 0])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZRANGE', 's', 0, -1], ['ZRANGE', 's', 0, 1, 'BYSCORE'],
                              ['ZRANGE', 's', '-', '+', 'BYLEX'])

    def test_zrange_rev(self):
        for size in self.sizes:
            names = self.fill(size)[::-1]
            for start, stop in ((0, -1), (0, 0), (1, 2), (-2, -1), (size, size + 1), (2, 1)):
                first = start + size if start < 0 else start
                last = stop + size if stop < 0 else stop
                self.expect(names[first:last + 1], 'ZRANGE', 'z', start, stop, 'REV')
            self.expect([names[1], b'%d' % (2 * size - 4)],
                        'ZRANGE', 'z', 1, 1, 'rev', 'withscores')

    def test_zrange_syntax(self):
        self.fill(3)
        limit = ('ERR syntax error, LIMIT is only supported in combination with either BYSCORE '
                 'or BYLEX')
        self.expect_error(limit, 'ZRANGE', 'z', 0, 1, 'LIMIT', 0, 1)
        self.expect_error(limit, 'ZRANGE', 'z', 0, 1, 'REV', 'LIMIT', 0, 1)
        self.expect_error('ERR syntax error, WITHSCORES not supported in combination with BYLEX',
                          'ZRANGE', 'z', '-', '+', 'BYLEX', 'WITHSCORES')
        for wrong in (['FOO'], ['BYSCORE', 'LIMIT', 1], ['BYSCORE', 'LIMIT'], ['WITHSCORE'],
                      ['BYSCORE', 'FOO'], [''], ['REV', 'x']):
            self.expect_error(SYNTAX, 'ZRANGE', 'z', 0, 1, *wrong)
        self.expect_error(NOT_INTEGER, 'ZRANGE', 'z', 0, 1, 'BYSCORE', 'LIMIT', 'a', 1)
        self.expect_error(NOT_INTEGER, 'ZRANGE', 'z', 0, 1, 'BYSCORE', 'LIMIT', 0, '1.5')

    def score_cases(self, size):
        """(min, max, indices from, to) for scores 0 2 4 ..."""
        top = 2 * (size - 1)
        return [('-inf', '+inf', 0, size), ('0', str(top), 0, size), ('(0', str(top), 1, size),
                ('0', f'({top}', 0, size - 1), ('(0', f'({top}', 1, size - 1), ('1', '3', 1, 2),
                ('2', '4', 1, 3), ('(2', '4', 2, 3), ('2', '(4', 1, 2), ('(2', '(4', 0, 0),
                ('4', '2', 0, 0), ('1.5', '2.5', 1, 2), ('-5', '-1', 0, 0), ('inf', '-inf', 0, 0),
                (str(top + 1), 'inf', 0, 0), ('2', '2', 1, 2), ('(2', '2', 0, 0),
                ('-INF', 'Infinity', 0, size), ('(-inf', '(inf', 0, size), ('1e0', '0x4', 1, 3)]

    def test_zrange_byscore(self):
        for size in self.sizes:
            names = self.fill(size)
            for low, high, start, end in self.score_cases(size):
                expected = names[start:end]
                self.expect(expected, 'ZRANGE', 'z', low, high, 'BYSCORE')
                self.expect(expected, 'ZRANGEBYSCORE', 'z', low, high)
                self.expect(expected[::-1], 'ZRANGE', 'z', high, low, 'BYSCORE', 'REV')
                self.expect(len(expected), 'ZCOUNT', 'z', low, high)
            self.expect([b'm001', b'2'], 'ZRANGE', 'z', 1, 3, 'byscore', 'withscores')
            self.expect([b'm002', b'4', b'm001', b'2'],
                        'ZRANGE', 'z', 4, 1, 'REV', 'BYSCORE', 'WITHSCORES')

    def test_zrange_limit(self):
        for size in self.sizes:
            names = self.fill(size)
            for offset in (0, 1, 2, size - 1, size, size + 1, -1):
                for count in (0, 1, 2, size, -1, -5, 10**12):
                    cut = [] if offset < 0 else names[offset:]
                    cut = cut if count < 0 else cut[:count]
                    self.expect(cut, 'ZRANGE', 'z', '-inf', 'inf', 'BYSCORE',
                                'LIMIT', offset, count)
                    self.expect(cut, 'ZRANGEBYSCORE', 'z', '-inf', 'inf', 'LIMIT', offset, count)
                    back = [] if offset < 0 else names[::-1][offset:]
                    back = back if count < 0 else back[:count]
                    self.expect(back, 'ZRANGE', 'z', 'inf', '-inf', 'LIMIT', offset, count,
                                'BYSCORE', 'REV')
        self.expect([b'm003', b'6'], 'ZRANGE', 'z', 2, 100, 'LIMIT', 2, 1, 'WITHSCORES', 'BYSCORE')

    def test_score_ranges_that_are_none(self):
        self.fill(3)
        for bad in ('abc', '((1', '[1', 'nan', '(nan', '1)', '1 ', '(1 2'):
            for low, high in ((bad, 1), (0, bad)):
                for request in (['ZRANGE', 'z', low, high, 'BYSCORE'],
                                ['ZRANGE', 'z', low, high, 'BYSCORE', 'REV'],
                                ['ZRANGEBYSCORE', 'z', low, high], ['ZCOUNT', 'z', low, high],
                                ['ZRANGE', 'absent', low, high, 'BYSCORE'],
                                ['ZCOUNT', 'absent', low, high]):
                    self.expect_error('ERR min or max is not a float', *request)

    def test_zrange_bylex(self):
        letters = [b'', b'a', b'aa', b'ab', b'b', b'c', b'\xff']
        for long in (False, True):
            members = letters + [b'd%03d' % i for i in range(500 if long else 0)]
            members.sort()
            self.c('DEL', 'z')
            self.c('ZADD', 'z', *[part for name in members for part in (0, name)])

            def above(name, bound):
                return bound == '-' or bound != '+' and (
                    name >= bound[1:].encode() if bound[0] == '[' else name > bound[1:].encode())

            def below(name, bound):
                return bound == '+' or bound != '-' and (
                    name <= bound[1:].encode() if bound[0] == '[' else name < bound[1:].encode())

            bounds = ('-', '+', '[', '(', '[a', '(a', '[aa', '(ab', '[b', '(b', '[zz', '(zz')
            for low in bounds:
                for high in bounds:
                    expected = [name for name in members if above(name, low) and below(name, high)]
                    self.expect(expected, 'ZRANGE', 'z', low, high, 'BYLEX')
                    self.expect(expected[::-1], 'ZRANGE', 'z', high, low, 'BYLEX', 'REV')
                    self.expect(expected[1:3], 'ZRANGE', 'z', low, high, 'bylex', 'limit', 1, 2)
                    self.expect(expected[::-1][2:], 'ZRANGE', 'z', high, low, 'BYLEX', 'REV',
                                'LIMIT', 2, -1)
        for bad in ('a', '', '1', '-a', '+1', '{a'):
            for low, high in ((bad, '+'), ('-', bad)):
                self.expect_error('ERR min or max not valid string range item',
                                  'ZRANGE', 'z', low, high, 'BYLEX')
        self.expect([], 'ZRANGE', 'absent', '-', '+', 'BYLEX')

    def test_zrangebyscore(self):
        self.expect([], 'ZRANGEBYSCORE', 'absent', 0, 1)
        self.fill(10)
        self.expect([b'm001', b'2', b'm002', b'4'], 'ZRANGEBYSCORE', 'z', 1, 4, 'WITHSCORES')
        self.expect([b'm002', b'4'],
                    'ZRANGEBYSCORE', 'z', 1, 9, 'LIMIT', 1, 1, 'WITHSCORES')
        self.expect([b'm002', b'4'],
                    'ZRANGEBYSCORE', 'z', 1, 9, 'withscores', 'limit', 1, 1)
        for wrong in (['FOO'], ['LIMIT'], ['LIMIT', 0], ['REV'], ['BYSCORE'], ['BYLEX']):
            self.expect_error(SYNTAX, 'ZRANGEBYSCORE', 'z', 0, 1, *wrong)
        self.expect_error(NOT_INTEGER, 'ZRANGEBYSCORE', 'z', 0, 1, 'LIMIT', 'a', 1)
        self.expect_arity('zrangebyscore', ['ZRANGEBYSCORE', 'z'], ['ZRANGEBYSCORE', 'z', 0])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZRANGEBYSCORE', 's', 0, 1])

    def test_zrevrange(self):
        self.expect([], 'ZREVRANGE', 'absent', 0, -1)
        for size in self.sizes:
            names = self.fill(size)[::-1]
            for start, stop in ((0, -1), (0, 0), (1, 2), (-2, -1), (size, size + 1), (2, 1),
                                (-size - 3, 1)):
                first = max(0, start + size if start < 0 else start)
                last = stop + size if stop < 0 else stop
                self.expect(names[first:last + 1], 'ZREVRANGE', 'z', start, stop)
            self.expect([names[0], b'%d' % (2 * size - 2)], 'ZREVRANGE', 'z', 0, 0, 'WITHSCORES')
        for wrong in (['FOO'], ['REV'], ['BYSCORE'], ['WITHSCORES', 'x']):
            self.expect_error(SYNTAX, 'ZREVRANGE', 'z', 0, 1, *wrong)
        self.expect_error(NOT_INTEGER, 'ZREVRANGE', 'z', 'a', 1)
        self.expect_arity('zrevrange', ['ZREVRANGE', 'z'], ['ZREVRANGE', 'z', 0])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZREVRANGE', 's', 0, 1])

    def test_zcount(self):
        self.expect(0, 'ZCOUNT', 'absent', 0, 1)
        self.fill(10)
        self.expect(10, 'ZCOUNT', 'z', '-inf', '+inf')
        self.expect(2, 'ZCOUNT', 'z', '(0', '(5')
        self.expect_arity('zcount', ['ZCOUNT', 'z', 0], ['ZCOUNT', 'z', 0, 1, 2])
        self.c('SET', 's', 'v')
        self.expect_wrongtype(['ZCOUNT', 's', 0, 1])

    def test_ranges_of_large_sets(self):
        count = scaled(30000, 3000)
        client = self.client('resp')
        for start in range(0, count, 5000):
            end = min(count, start + 5000)
            client('ZADD', 'z', *[part for i in range(start, end) for part in (i, 'm%06d' % i)])
        names = [b'm%06d' % i for i in range(count)]
        self.expect(names, 'ZRANGE', 'z', 0, -1)
        self.expect(names[::-1], 'ZREVRANGE', 'z', 0, -1)
        self.expect(names, 'ZRANGE', 'z', '-inf', 'inf', 'BYSCORE')
        self.expect(names, 'ZRANGE', 'z', '-', '+', 'BYLEX')
        self.expect(names[100:-100], 'ZRANGE', 'z', 100, -101)
        got = self.c('ZRANGE', 'z', 0, -1, 'WITHSCORES')
        self.assertEqual(pairs(got), [(name, b'%d' % i) for i, name in enumerate(names)])
        self.expect(count - 20, 'ZCOUNT', 'z', 10, count - 11)
        self.expect(count // 2, 'ZRANK', 'z', names[count // 2])
