"""Memory that is taken and given back: flushes in a row, memory of those that have left."""

import threading
import time
import unittest

from harness import OK, ServerCase, fastkv_only, is_sanitized, scaled, wait_until

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

    def check(self, commands, growth_max):
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
        wait_until(lambda: self.server.memory() < before + 16 * MIB, 10,
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
        self.check([fill, ('FLUSHALL',)], 256 * MIB)


@unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
@fastkv_only('has its own allocator')
class SlowReadersThatLeave(ServerCase):
    options = ('--client-output-limit', 256 * MIB)

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
