"""RESP2: requests, mistakes and limits."""

import os

from harness import OK, PROTOCOLS, Error, ServerCase, fastkv_only, is_redis, scaled


class Resp(ServerCase):
    def says(self, request, reply):
        self.c.send(request + b'*2\r\n$4\r\nECHO\r\n$7\r\nin-step\r\n')
        end = b'$7\r\nin-step\r\n'
        got = b''
        while not got.endswith(end):
            got += self.c.line()
        self.assertEqual(got[:-len(end)], reply, request[:100])

    def closes(self, request, text, before=b'*1\r\n$4\r\nPING\r\n'):
        client = self.client()
        if before:
            client.send(before)
            self.assertEqual(client.reply(), 'PONG')
        try:
            client.send(request)
        except ConnectionError:
            pass  # Closed before all of it was sent; the error is there to be read.
        self.assertEqual(client.reply(), Error(text), request[:100])
        self.assertEqual(client.until_closed(), b'', request[:100])

    def test_forms_of_replies(self):
        self.says(b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n', b'+OK\r\n')
        self.says(b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', b'$5\r\nhello\r\n')
        self.says(b'*2\r\n$3\r\nGET\r\n$1\r\nx\r\n', b'$-1\r\n')
        self.says(b'*2\r\n$6\r\nEXISTS\r\n$1\r\nk\r\n', b':1\r\n')
        self.says(b'*3\r\n$4\r\nMGET\r\n$1\r\nk\r\n$1\r\nx\r\n', b'*2\r\n$5\r\nhello\r\n$-1\r\n')
        self.says(b'*2\r\n$3\r\nTTL\r\n$1\r\nx\r\n', b':-2\r\n')
        self.says(b'*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$1\r\n1\r\n$1\r\na\r\n', b':1\r\n')
        self.says(b'*3\r\n$6\r\nZSCORE\r\n$1\r\nz\r\n$1\r\na\r\n', b'$1\r\n1\r\n')
        self.says(b'*4\r\n$6\r\nZRANGE\r\n$1\r\nx\r\n$1\r\n0\r\n$2\r\n-1\r\n', b'*0\r\n')
        self.says(b'*2\r\n$4\r\nTYPE\r\n$1\r\nz\r\n', b'+zset\r\n')
        self.says(b'*2\r\n$3\r\nGET\r\n$1\r\nz\r\n', b'-WRONGTYPE Operation against a key holding '
                                                     b'the wrong kind of value\r\n')
        self.says(b'*1\r\n$7\r\nZPOPMIN\r\n', b"-ERR wrong number of arguments for 'zpopmin' "
                                              b"command\r\n")

    @fastkv_only('has WITHSCORE since 7.2')
    def test_null_array(self):
        self.says(b'*4\r\n$5\r\nZRANK\r\n$1\r\nx\r\n$1\r\na\r\n$9\r\nWITHSCORE\r\n', b'*-1\r\n')
        self.says(b'*3\r\n$5\r\nZRANK\r\n$1\r\nx\r\n$1\r\na\r\n', b'$-1\r\n')

    def test_empty_requests_are_skipped(self):
        self.says(b'*0\r\n', b'')
        self.says(b'*-1\r\n', b'')
        self.says(b'*0\r\n*0\r\n*1\r\n$4\r\nPING\r\n*0\r\n', b'+PONG\r\n')

    def test_empty_name(self):
        self.expect_error("ERR unknown command '', with args beginning with: ", b'')

    def test_wrong_counts(self):
        for count in (b'abc', b'1.5', b'+1', b' 1', b'9223372036854775808', b'1x', b'--1'):
            self.closes(b'*' + count + b'\r\n', 'ERR Protocol error: invalid multibulk length')
            self.closes(b'*' + count + b'\r\n', 'ERR Protocol error: invalid multibulk length',
                        before=b'')

    def test_too_many_arguments_announced(self):
        for count in (2**31, 10**15, 2**63 - 1) + (() if is_redis() else (1024 * 1024 + 1,)):
            self.closes(b'*%d\r\n' % count, 'ERR Protocol error: invalid multibulk length')

    def test_wrong_sizes(self):
        for size in (b'-1', b'-2', b'abc', b'1.5', b'+1', b'', b' 1', b'536870913', b'2147483648',
                     b'9223372036854775807', b'9223372036854775808'):
            self.closes(b'*1\r\n$' + size + b'\r\n', 'ERR Protocol error: invalid bulk length')
            self.closes(b'*2\r\n$3\r\nGET\r\n$' + size + b'\r\n',
                        'ERR Protocol error: invalid bulk length')

    def test_arguments_that_are_no_bulk(self):
        for start in (b':', b'+', b'-', b'*', b'x', b'P'):
            self.closes(b'*2\r\n$3\r\nGET\r\n' + start + b'1\r\n',
                        f"ERR Protocol error: expected '$', got '{start.decode()}'")

    def test_headers_without_an_end(self):
        self.closes(b'*' + b'1' * 70000, 'ERR Protocol error: too big mbulk count string')
        self.closes(b'*1\r\n$' + b'1' * 70000, 'ERR Protocol error: too big bulk count string')

    def test_nothing_after_an_error_that_closes(self):
        client = self.client()
        client.send(client.encode(('INCR', 'n')) + b'*1\r\n$x\r\n'
                    + client.encode(('INCR', 'n')) * 2)
        self.assertEqual(client.reply(), 1)
        self.assertIsInstance(client.reply(), Error)
        self.assertEqual(client.until_closed(), b'')
        self.expect(b'1', 'GET', 'n')

    def test_mistakes_of_commands_keep_the_connection(self):
        for request in (('NOSUCH',), ('GET',), ('INCRBY', 'n', 'x')):
            self.assertIsInstance(self.c(*request), Error)
            self.expect('PONG', 'PING')

    def test_requests_of_many_arguments(self):
        for count in (100, 5000, scaled(200_000, 20_000)):
            keys = [b'%d' % i for i in range(count)]
            self.expect([None] * count, 'MGET', *keys)
            self.expect(0, 'EXISTS', *keys)
            self.expect(OK, 'MSET', *[part for key in keys for part in (key, key)])
            self.expect(keys, 'MGET', *keys)
            self.expect(count, 'DBSIZE')
            self.expect(count, 'DEL', *keys)

    def test_end_of_stream_inside_a_request(self):
        whole = self.c.encode(('SET', 'k', 'hello'))
        for end in range(len(whole)):
            client = self.client()
            client.send(client.encode(('INCR', 'n')) + whole[:end])
            client.finish_sending()
            self.assertEqual(client.reply(), end + 1)
            self.assertEqual(client.until_closed(), b'')
        self.expect(0, 'EXISTS', 'k')

    def test_answers_before_the_client_ends_its_stream_are_sent(self):
        client = self.client()
        client.send(client.encode(('PING',)) * 500)
        client.finish_sending()
        self.assertEqual(client.until_closed(), b'+PONG\r\n' * 500)

    def test_client_that_disappears(self):
        for _ in range(20):
            client = self.client()
            client.send(client.encode(('GET', 'k')) * 100 + b'*1000\r\n$3\r\nGE')
            client.close()
        self.expect('PONG', 'PING')

    def test_inline_commands(self):
        connection = self.raw()
        for line, reply in ((b'PING\r\n', b'+PONG'), (b'SELECT 1\r\n', b'+OK'),
                            (b'EXISTS k\r\n', b':0'), (b'ping\n', b'+PONG'),
                            (b'\r\nPING\r\n', b'+PONG'), (b'INCR "n"\r\n', b':1'),
                            (b'  DBSIZE  \r\n', b':1')):
            connection.send(line)
            self.assertEqual(connection.line().rstrip(), reply)

    def test_inline_commands_between(self):
        self.expect('PONG', 'PING')
        self.says(b'PING\r\n', b'+PONG\r\n')
        self.says(b'PING\n', b'+PONG\r\n')
        self.says(b'SET k v\r\n', b'+OK\r\n')
        self.says(b'SET "a b" \'c d\'\r\n', b'+OK\r\n')
        self.says(b'GET "a\\x20b"\r\n', b'$3\r\nc d\r\n')
        self.says(b'\r\n\nGET k\n', b'$1\r\nv\r\n')
        self.closes(b'GET "open\r\n', 'ERR Protocol error: unbalanced quotes in request')
        self.closes(b'x' * 70000, 'ERR Protocol error: too big inline request')


class BigValues(ServerCase):
    def test_round_trip(self):
        pattern = os.urandom(1 << 20)
        for size in (1 << 16, (1 << 20) + 1, scaled(100 << 20, 8 << 20)):
            value = (pattern * (size // len(pattern) + 1))[:size]
            for writer, reader in zip(PROTOCOLS, PROTOCOLS[::-1]):
                client, other = self.client(writer), self.client(reader)
                self.assertEqual(client('SET', 'big', value), OK)
                self.assertEqual(other('STRLEN', 'big'), size)
                self.assertTrue(other('GET', 'big') == value, f'{size} {writer} {reader}')
                client.close()
                other.close()

    def test_set_get_of_a_big_value(self):
        value = os.urandom(scaled(8 << 20, 1 << 20))
        for protocol in PROTOCOLS:
            client = self.client(protocol)
            self.assertEqual(client('SET', 'big', value), OK)
            self.assertTrue(client('SET', 'big', 'small', 'GET') == value)
            self.assertEqual(client('GET', 'big'), b'small')

    def test_in_a_pipeline_with_others(self):
        big = os.urandom(scaled(3 << 20, 1 << 18))
        client = self.client()
        requests = []
        for i in range(5):
            requests += [('SET', f'b{i}', big), ('INCR', 'n'), ('GET', f'b{i}'), ('DEL', f'b{i}'),
                         ('GET', f'b{i}'), ('ECHO', 'x' * i)]
        expected = []
        for i in range(5):
            expected += [OK, i + 1, big, 1, None, b'x' * i]
        self.assertTrue(client.pipeline(requests) == expected)

    def test_of_zset_members(self):
        big = os.urandom(scaled(1 << 20, 1 << 17))
        self.expect(1, 'ZADD', 'z', 1, big)
        self.expect(b'1', 'ZSCORE', 'z', big)
        self.expect([big, b'1'], 'ZRANGE', 'z', 0, -1, 'WITHSCORES')
        self.expect(1, 'ZREM', 'z', big)

    def test_of_keys(self):
        key = os.urandom(scaled(1 << 20, 1 << 17))
        self.expect(OK, 'SET', key, 'v')
        self.expect(b'v', 'GET', key)
        self.expect([key], 'KEYS', '*')
        self.expect([b'0', [key]], 'SCAN', 0, 'COUNT', 1000)
        self.expect(key, 'RANDOMKEY')
        self.expect(1, 'EXPIRE', key, 100)
        self.expect(1, 'DEL', key)

    def test_value_overwritten_while_it_is_sent(self):
        size = scaled(32 << 20, 4 << 20)
        old, new = b'o' * size, b'n' * size
        self.expect(OK, 'SET', 'k', old)
        slow = self.client(receive_buffer=1 << 18)
        slow.send(slow.encode(('GET', 'k')) * 2)
        self.assertEqual(slow.line(), b'$%d\r\n' % size)
        self.expect(OK, 'SET', 'k', new)
        self.expect(1, 'DEL', 'k')
        self.assertTrue(slow.exactly(size + 2) == old + b'\r\n')
        second = slow.reply()
        self.assertTrue(second in (old, new, None))

    def test_closed_while_a_big_value_is_sent(self):
        self.expect(OK, 'SET', 'k', b'x' * (8 << 20))
        for _ in range(10):
            client = self.client(receive_buffer=1 << 18)
            client.send(client.encode(('GET', 'k')) * 3)
            client.line()
            client.close()
        self.expect('PONG', 'PING')
