"""Memory that is taken and given back: flushes in a row, memory of those that have left."""

import threading
import time
import unittest

from harness import Error, OK, ServerCase, fastkv_only, is_sanitized, scaled, wait_until

KIB, MIB = 1 << 10, 1 << 20


class Watch:
    """The most memory that a server takes while the body of a `with` runs."""

    def __init__(self, server):
        self.server = server
        self.peak = 0
        self.stops = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.stops.wait(0.02):
            self.peak = max(self.peak, self.server.memory())

    def __enter__(self):
        self.before = self.server.memory()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stops.set()
        self.thread.join()

    @property
    def growth(self):
        return self.peak - self.before


@unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
@fastkv_only('frees as it flushes')
class FlushesInARow(ServerCase):
    workers = 2
    options = ('--databases', 16)
    SECONDS = 3
    REQUESTS = 200  # Loops in a pipeline.

    def loop(self, client, commands, replies):
        """Send `commands` again and again in pipelines, for some seconds; how often."""
        data = b''.join(client.encode(command) for command in commands) * self.REQUESTS
        until = time.monotonic() + self.SECONDS
        rounds = 0
        while time.monotonic() < until:
            client.send(data)
            for _ in range(self.REQUESTS):
                for expected in replies:
                    self.assertEqual(client.reply(), expected)
            rounds += self.REQUESTS
        return rounds

    def check(self, commands, growth_max, rest_max=16 * MIB):
        before = self.server.memory()
        clients = [self.client() for _ in range(3)]
        with Watch(self.server) as watch:
            threads = [threading.Thread(target=self.loop, args=(client, commands, [OK] * len(commands)))
                       for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertLess(watch.growth, growth_max, 'while it was flushed')
        wait_until(lambda: self.server.memory() < before + rest_max, 10,
                   'the memory to be returned')

    def test_of_one_database(self):
        self.check([('SELECT', 3), ('SET', 'k', 'v'), ('FLUSHDB',)], 192 * MIB)

    def test_of_the_first_database(self):
        self.check([('SET', 'k', 'v'), ('FLUSHDB',)], 192 * MIB)

    def test_of_all_databases(self):
        commands = []
        for db in range(16):
            commands += [('SELECT', db), ('SET', 'k', 'v')]
        self.check(commands + [('FLUSHALL',)], 256 * MIB)

    def test_of_much(self):
        """Each flush leaves megabytes to be freed."""
        values = [(f'k{i}', 'v' * 1000) for i in range(scaled(5000))]
        fill = ('MSET', *[word for pair in values for word in pair])
        self.REQUESTS = 2
        # Up to 16 spare chunks of 2 MiB stay, and what malloc keeps of buffers of 5 MB.
        self.check([fill, ('FLUSHALL',)], 256 * MIB, rest_max=48 * MIB)


@unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
@fastkv_only('has its own allocator')
class SlowReadersThatLeave(ServerCase):
    options = ('--client-output-buffer-limit', f'normal {256 * MIB} 0 0')

    def test_their_memory_is_returned_in_time(self):
        self.expect(OK, 'SET', 'k', b'v' * 8000)
        before = self.server.memory()
        request = self.c.encode(('MGET', *['k'] * 8000))
        readers = [self.client(receive_buffer=64 * KIB) for _ in range(16)]
        for reader in readers:
            reader.send(request)
        wait_until(lambda: self.server.memory() > before + 700 * MIB, 20, 'replies that wait')
        for reader in readers:
            reader.close()
        wait_until(lambda: self.server.memory() < before + 32 * MIB, 10, 'their memory')


OUT_OF_MEMORY = Error('ERR out of memory')


@unittest.skipIf(is_sanitized(), 'takes address space as it likes')
@fastkv_only('has no reserve')
class ShortMemory(ServerCase):
    """What frees memory, and short replies, work when the kernel gives no more."""

    KEYS = 40_000  # In one request; there are more.

    def setUp(self):
        self.server_of_test = self.start_server(workers=2, address_space_max=600 * MIB)
        self.c = self.server_of_test.client()
        self.addCleanup(self.c.close)

    def tearDown(self):
        trouble = self.server_of_test.trouble()
        if trouble:
            self.fail(trouble)

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def fill(self, size=500):
        """Store until there is no memory for more; how many keys."""
        errors = stored = number = 0
        while errors < 500:
            requests = [('SET', f'key:{number + i:08}', b'v' * size) for i in range(500)]
            replies = self.c.pipeline(requests)
            errors = sum(reply == OUT_OF_MEMORY for reply in replies)
            stored += sum(reply == OK for reply in replies)
            self.assertEqual(errors + sum(reply == OK for reply in replies), 500)
            number += 500
        self.assertGreater(stored, self.KEYS)
        return stored

    def check_answers(self):
        """What needs hardly any memory works, on old and new connections."""
        for client in (self.c, self.server_of_test.client()):
            self.assertEqual(client('PING'), 'PONG')
            self.assertEqual(client('GET', 'key:00000007'), b'v' * 500)
            self.assertIsNone(client('GET', 'absent'))
            self.assertIn(b'used_memory', client('INFO'))
            self.assertEqual(len(client('MGET', *[f'key:{i:08}' for i in range(100)])), 100)
        client.close()

    def test_answers(self):
        self.c('MSET', *[word for i in range(10) for word in (f'big:{i}', b'b' * 100_000)])
        self.fill()
        self.check_answers()
        for i in range(10):
            self.expect(b'b' * 100_000, 'GET', f'big:{i}')

    def test_deleting_many_keys(self):
        self.fill()
        keys = [f'key:{i:08}' for i in range(self.KEYS)]
        self.expect(self.KEYS, 'DEL', *keys)
        self.expect(0, 'UNLINK', *keys)
        self.expect(1, 'UNLINK', f'key:{self.KEYS:08}')
        self.expect(OK, 'SET', 'again', 'v')

    def test_setting_deadlines(self):
        self.fill()
        replies = self.c.pipeline([('PEXPIRE', f'key:{i:08}', 1) for i in range(self.KEYS)])
        self.assertEqual(set(map(repr, replies)), {'1'})
        wait_until(lambda: self.c('SET', 'again', 'v') == OK, 10, 'memory of expired keys')
        self.assertEqual(self.c('GET', 'key:00000007'), None)

    def test_unlinking_what_takes_long(self):
        for start in range(0, 100_000, 1000):
            self.c('ZADD', 'z', *[word for i in range(start, start + 1000) for word in (i, f'm{i}')])
        self.fill()
        self.expect(1, 'UNLINK', 'z')
        wait_until(lambda: self.c('SET', 'again', 'v') == OK, 10, 'memory of the set')

    def test_background_replies(self):
        self.fill()
        self.expect([b'key:00000007'], 'KEYS', 'key:00000007')

    def test_flushing(self):
        for round in range(3):
            self.fill()
            self.check_answers()
            self.expect(OK, 'FLUSHALL' if round % 2 else 'FLUSHDB')
            wait_until(lambda: self.c('SET', 'again', 'v') == OK, 10, 'memory of what was flushed')
