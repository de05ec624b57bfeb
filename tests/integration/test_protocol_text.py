"""The native text protocol, word by word."""

import os

from harness import NOT_INTEGER, OK, Closed, Error, ServerCase, TextClient, fastkv_only, scaled

LINE_MAX = 64 * 1024
VALUE_MAX = 512 * 1024 * 1024


@fastkv_only('speaks RESP only')
class Text(ServerCase):
    protocol = 'text'

    def says(self, request, *replies):
        """`request` is answered with exactly these bytes, and the stream is in step after it."""
        expected = b''.join(replies)
        self.c.send(request + b'ECHO in-step\n')
        got = b''
        end = b'+VALUE 7\nin-step\n'
        try:
            while not got.endswith(end):
                got += self.c.line()
        except Closed:
            self.fail(f'{request[:100]!r}\n  closes after {got!r}')
        self.assertEqual(got[:-len(end)], expected, f'answers {request[:100]!r}')

    def says_error(self, request, text=''):
        """`request` is answered with one error that begins with `text`; the stream goes on."""
        self.c.send(request + b'ECHO in-step\n')
        line = self.c.line()
        self.assertTrue(line.startswith(b'-ERR ' + text.encode()), f'{request[:100]!r}: {line!r}')
        self.assertEqual(self.c.reply(), b'in-step', f'after {request[:100]!r}')

    def closes(self, request):
        """`request` is answered with one error, and nothing after it."""
        client = self.client()
        client.send(b'ECHO before\n')
        self.assertEqual(client.reply(), b'before')
        try:
            client.send(request)
        except ConnectionError:
            pass  # Closed before all of it was sent; the error is there to be read.
        error = client.reply()
        self.assertIsInstance(error, Error, request[:100])
        self.assertTrue(error.text.startswith('ERR '), error)
        self.assertEqual(client.until_closed(), b'', request[:100])
        return error

    # ---- the transcript of the documentation ----

    def test_transcript(self):
        connection = self.raw()
        connection.send(b'SET mykey 0 5\nhello\nGET mykey\n')
        self.assertEqual([connection.line() for _ in range(3)],
                         [b'+OK\n', b'+VALUE 5\n', b'hello\n'])

    # ---- the forms of replies ----

    def test_forms_of_replies(self):
        self.says(b'SET k 0 5\nhello\n', b'+OK\n')
        self.says(b'GET k\n', b'+VALUE 5\nhello\n')
        self.says(b'GET absent\n', b'+NIL\n')
        self.says(b'DEL k absent\n', b':1\n')
        self.says(b'TTL k\n', b':-2\n')
        self.says(b'SET k 0 0\n\n', b'+OK\n')
        self.says(b'GET k\n', b'+VALUE 0\n\n')
        self.says(b'TTL k\n', b':-1\n')
        self.says(b'EXISTS k k\n', b':2\n')
        self.says(b'ZADD z 1 a 2.5 b\n', b':2\n')
        self.says(b'ZADD z 1 a\n', b':0\n')
        self.says(b'ZSCORE z b\n', b'+VALUE 3\n2.5\n')
        self.says(b'ZSCORE z absent\n', b'+NIL\n')
        self.says(b'ZRANGE z 0 -1\n', b'*2\n+VALUE 1\na\n+VALUE 1\nb\n')
        self.says(b'ZRANGE z 0 0 WITHSCORES\n', b'*2\n+VALUE 1\na\n+VALUE 1\n1\n')
        self.says(b'ZRANGE absent 0 -1\n', b'*0\n')
        self.says(b'ZREM z a\n', b':1\n')
        self.says(b'ZRANK z absent\n', b'+NIL\n')
        self.says(b'ZRANK z absent WITHSCORE\n', b'+NIL\n')
        self.says(b'MGET k absent\n', b'*2\n+VALUE 0\n\n+NIL\n')
        self.says(b'TYPE z\n', b'+zset\n')
        self.says(b'PING\n', b'+PONG\n')
        self.says(b'PING a\n', b'+VALUE 1\na\n')
        self.says(b'GET z\n', b'-WRONGTYPE Operation against a key holding the wrong kind of '
                              b'value\n')
        self.c.send(b'FOO\n')
        self.assertTrue(self.c.line().startswith(b"-ERR unknown command 'FOO'"))

    # ---- lines and words ----

    def test_ends_of_lines(self):
        self.says(b'SET k 0 1\r\nv\r\n', b'+OK\n')
        self.says(b'GET k\r\n', b'+VALUE 1\nv\n')
        self.says(b'GET k\nGET k\r\n', b'+VALUE 1\nv\n' * 2)
        self.says(b'\n', b'')
        self.says(b'\r\n\n\n\r\n', b'')
        self.says(b'   \n', b'')
        self.says(b'\nPING\n\n\nPING\n\n', b'+PONG\n+PONG\n')

    def test_blanks_between_words(self):
        self.says(b'SET   k  0   3 \nabc\n', b'+OK\n')
        self.says(b'  GET k\n', b'+VALUE 3\nabc\n')
        self.says(b'GET    k   \n', b'+VALUE 3\nabc\n')
        self.says(b'GET k  \r\n', b'+VALUE 3\nabc\n')

    def test_first_line_in_lf_alone_is_text(self):
        for start in (b' PING\n', b'\nPING\n', b'\r\nPING\n', b'"PING"\n', b"'PING'\n", b'ping\n'):
            client = self.client()
            client.send(start)
            self.assertEqual(client.line(), b'+PONG\n', start)
        client = self.client()
        client.send(b'$4\n')
        self.assertTrue(client.line().startswith(b'-ERR unknown command'))

    def test_names_in_any_case(self):
        self.says(b'set k 0 1\nv\n', b'+OK\n')
        self.says(b'sEt k 0 1\nw\n', b'+OK\n')
        self.says(b'gEt k\n', b'+VALUE 1\nw\n')
        self.says(b'dEL k\n', b':1\n')

    def test_quotes_and_escapes(self):
        for word, value in ((b'"two words"', b'two words'), (b"'two words'", b'two words'),
                            (b'""', b''), (b"''", b''), (b'"a\\"b"', b'a"b'),
                            (b'"a\\\\b"', b'a\\b'), (b'"\\n\\r\\t"', b'\n\r\t'),
                            (b'"\\x00\\xff\\x41\\x0a"', b'\0\xffA\n'), (b'"\\xAb"', b'\xab'),
                            (b"'it\\'s'", b"it's"), (b"'a\"b'", b'a"b'), (b'"it\'s"', b"it's"),
                            (b"'\\n'", b'\\n'), (b"'a\\\\b'", b'a\\\\b'),
                            (b'plain\xc3\xa9', b'plain\xc3\xa9'), (b'\xff\xfe', b'\xff\xfe'),
                            (b'"\xff"', b'\xff'), (b'a\\nb', b'a\\nb'), (b'-1', b'-1'),
                            (b'*', b'*'), (b'$5', b'$5')):
            reply = b'+VALUE %d\n%b\n' % (len(value), value)
            self.c.send(b'ECHO ' + word + b'\n')
            self.assertEqual(self.c.exactly(len(reply)), reply, word)
            self.c.send(b'ECHO  ' + word + b' \r\n')
            self.assertEqual(self.c.exactly(len(reply)), reply, word)
        self.says(b'"GET" "k"\n', b'+NIL\n')
        self.says(b"'SET' 'a key' 0 2\nhi\n", b'+OK\n')
        self.says(b'GET "a key"\n', b'+VALUE 2\nhi\n')
        self.says(b'SET "a\\x00b" "0" "2"\nhi\n', b'+OK\n')
        self.says(b'EXISTS "a\\x00b"\n', b':1\n')

    def test_quotes_behind_a_request_that_waits(self):
        # KEYS runs in the background, and what follows it is parsed again when it is done.
        self.says(b'KEYS *\nZADD z 1 "a\\"b"\nZRANGE z 0 -1\n',
                  b'*0\n', b':1\n', b'*1\n+VALUE 3\na"b\n')
        self.says(b'KEYS *\nSET "\\"k\\"" 0 "\\x32"\nhi\nGET "\\"k\\""\n',
                  b'*1\n+VALUE 1\nz\n', b'+OK\n', b'+VALUE 2\nhi\n')

    def test_much_quoted_text(self):
        # More than a batch has room for, in many requests and in one.
        word = b'\\x41' * 3000
        reply = b'+VALUE 3000\n' + b'A' * 3000 + b'\n'
        self.says(b'ECHO "%b"\n' % word * 10, reply * 10)
        self.says(b'KEYS *\n' + b'ECHO "%b"\n' % word * 10, b'*0\n', reply * 10)
        long = b'A' * 20_000 + b'\\n' + b'B' * 20_000
        reply = b'+VALUE 40001\n' + long.replace(b'\\n', b'\n') + b'\n'
        self.says(b'ECHO "%b"\n' % long * 3, reply * 3)
        self.says(b'KEYS *\n' + b'ECHO "%b"\n' % long * 3, b'*0\n', reply * 3)

    def test_wrong_quotes(self):
        for word in (b'"open', b"'open", b'"open\\"', b"'open\\'", b'"a"b', b"'a'b", b'"\\', b'"',
                     b"'"):
            self.says_error(b'ECHO ' + word + b'\n')
            self.says_error(b'ECHO ' + word + b'\r\n')

    def test_mistakes_in_a_line_keep_the_connection(self):
        self.says_error(b'FOO\n', "unknown command 'FOO'")
        self.says_error(b'FOO bar baz\n', "unknown command 'FOO'")
        self.says_error(b'GET\n', "wrong number of arguments for 'get' command")
        self.says_error(b'GET a b\n', "wrong number of arguments for 'get' command")
        self.says_error(b'INCRBY n x\n', 'value is not an integer or out of range')
        self.says_error(b'ZADD z x m\n', 'value is not a valid float')
        self.says_error(b'EXPIRE k soon\n', 'value is not an integer or out of range')

    # ---- SET and its payload ----

    def test_set_of_any_bytes(self):
        for value in (b'', b'\n', b'\r\n', b'\r', b'\0', b'GET k\n', b'"', bytes(range(256)),
                      b'\n' * 100, b'+OK\n', os.urandom(1000)):
            for end in (b'\n', b'\r\n'):
                self.says(b'SET k 0 %d%b%b%b' % (len(value), end, value, end), b'+OK\n')
                self.says(b'GET k\n', b'+VALUE %d\n%b\n' % (len(value), value))

    def test_set_expiry(self):
        self.says(b'SET k 0 1\nv\n', b'+OK\n')
        self.says(b'TTL k\n', b':-1\n')
        self.says(b'SET k 100 1\nv\n', b'+OK\n')
        self.between(98, 100, 'TTL', 'k')
        self.says(b'SET k 0 1\nv\n', b'+OK\n')
        self.says(b'TTL k\n', b':-1\n')

    def test_set_options_follow_the_length(self):
        self.says(b'SET k 0 3 NX\none\n', b'+OK\n')
        self.says(b'SET k 0 3 NX\ntwo\n', b'+NIL\n')
        self.says(b'SET k 0 3 GET\ntwo\n', b'+VALUE 3\none\n')
        self.says(b'SET k 0 5 XX PX 100000\nthree\r\n', b'+OK\n')
        self.between(90_000, 100_000, 'PTTL', 'k')
        self.says(b'SET k 0 4 KEEPTTL\nfour\n', b'+OK\n')
        self.between(90_000, 100_000, 'PTTL', 'k')
        self.says(b'SET k 50 4 XX GET\nfive\n', b'+VALUE 4\nfour\n')
        self.between(48, 50, 'TTL', 'k')
        self.says(b'SET absent 0 1 xx\nv\n', b'+NIL\n')

    def test_set_with_other_words_shows_the_right_form(self):
        for line in (b'SET\n', b'SET k\n', b'SET k v\n', b'SET k 0\n', b'set mykey hello\n'):
            self.c.send(line)
            reply = self.c.reply()
            self.assertIsInstance(reply, Error, line)
            self.assertIn('SET key expiry length', reply.text)
            self.expect('PONG', 'PING')
        self.expect(0, 'DBSIZE')

    def test_set_that_is_refused_drops_its_payload(self):
        for payload in (b'x', b'FLUSHALL', b'GET k\nGET k'):
            size = len(payload)
            self.says(b'SET k 0 %d FOO\n%b\n' % (size, payload), b'-ERR syntax error\n')
            self.says(b'SET k 0 %d NX XX\n%b\n' % (size, payload), b'-ERR syntax error\n')
            self.says(b'SET k 0 %d EX\n%b\r\n' % (size, payload), b'-ERR syntax error\n')
            self.says(b'SET k 0 %d EX x\n%b\n' % (size, payload),
                      b'-' + NOT_INTEGER.encode() + b'\n')
            self.says(b'SET k 0 %d PX 0\n%b\n' % (size, payload),
                      b"-ERR invalid expire time in 'set' command\n")
            self.says(b'SET k -1 %d\n%b\n' % (size, payload),
                      b"-ERR invalid expire time in 'set' command\n")
            self.says(b'SET k abc %d\n%b\n' % (size, payload),
                      b'-' + NOT_INTEGER.encode() + b'\n')
            self.says(b'SET k 9223372036854775807 %d\n%b\n' % (size, payload),
                      b"-ERR invalid expire time in 'set' command\n")
            self.expect(0, 'DBSIZE')

    def test_set_lengths_that_cannot_be_recovered(self):
        for length in (b'-1', b'abc', b'""', b'1.5', b'+5', b'0x5', b'%d' % (VALUE_MAX + 1),
                       b'99999999999', b'9223372036854775807', b'9223372036854775808',
                       b'18446744073709551617', b'5x'):
            error = self.closes(b'SET k 0 ' + length + b'\nhello\nSET k 0 1\nv\n')
            self.assertIn('SET key expiry length', error.text)
        self.expect(0, 'DBSIZE')

    def test_payload_without_a_line_end(self):
        for tail in (b'x\n', b' \n', b'\0\n', b'\rx\n', b'\r\r\n', b'GET k\n'):
            self.closes(b'SET k 0 5\nhello' + tail)
        self.expect(0, 'DBSIZE')

    def test_nothing_after_an_error_that_closes(self):
        client = self.client()
        client.send(b'INCR n\nSET k 0 abc\nINCR n\nINCR n\n')
        self.assertEqual(client.reply(), 1)
        self.assertIsInstance(client.reply(), Error)
        self.assertEqual(client.until_closed(), b'')
        self.expect(b'1', 'GET', 'n')

    # ---- limits ----

    def test_lines_up_to_the_limit(self):
        word = b'k' * (LINE_MAX - 100)
        self.says(b'ECHO ' + word + b'\n', b'+VALUE %d\n%b\n' % (len(word), word))
        self.says(b'SET ' + word + b' 0 1\nv\n', b'+OK\n')
        self.says(b'GET ' + word + b'\r\n', b'+VALUE 1\nv\n')
        words = [b'%d' % i for i in range(10000)]
        self.says(b'EXISTS ' + b' '.join(words) + b'\n', b':0\n')
        self.says(b'EXISTS' + b' ""' * 20000 + b'\n', b':0\n')

    def test_lines_beyond_the_limit(self):
        self.closes(b'ECHO ' + b'x' * LINE_MAX + b'\n')
        self.closes(b'ECHO ' + b'x' * LINE_MAX)             # Without waiting for its end.
        self.closes(b'x' * (LINE_MAX + 100))
        self.closes(b'SET ' + b'x' * (2 * LINE_MAX) + b' 0 5\nhello\n')
        self.closes(b'ECHO "' + b'\\x41' * (LINE_MAX // 4) + b'"\n')
        self.closes(b' ' * (LINE_MAX + 100))

    def test_many_empty_lines(self):
        self.says(b'\n' * 200_000 + b'\r\n' * 100_000, b'')

    def test_end_of_stream_inside_a_request(self):
        for part in (b'GET k', b'SET k 0 5\nhel', b'SET k 0 5\nhello', b'"open', b'SET k 0 5'):
            client = self.client()
            client.send(b'INCR n\n' + part)
            client.finish_sending()
            self.assertIsInstance(client.reply(), int)
            self.assertEqual(client.until_closed(), b'', part)
        self.expect(0, 'EXISTS', 'k')

    def test_answers_before_the_client_ends_its_stream_are_sent(self):
        client = self.client()
        client.send(b'PING\n' * 500)
        client.finish_sending()
        self.assertEqual(client.until_closed(), b'+PONG\n' * 500)

    def test_every_protocol_on_one_port(self):
        resp = self.client('resp')
        for i in range(scaled(100, 20)):
            self.assertEqual(resp('SET', 'k', f'resp {i}'), OK)
            self.expect(f'resp {i}'.encode(), 'GET', 'k')
            self.expect(OK, 'SET', 'k', f'text {i}')
            self.assertEqual(resp('GET', 'k'), f'text {i}'.encode())

    def test_resp_is_not_text_later_on(self):
        # The first line decided; a line that begins with '*' is a word now.
        self.says(b'PING\n', b'+PONG\n')
        self.c.send(b'*1\n')
        self.assertTrue(self.c.line().startswith(b"-ERR unknown command '*1'"))
        self.expect('PONG', 'PING')

    def test_client_quotes_what_it_sends(self):
        self.assertEqual(TextClient.encode(self.c, ('GET', b'a b\n')), b'GET "a b\\x0a"\n')
