"""Thousands of connections at once: each gets its own replies, and nobody another's."""

import resource
import signal

from harness import OK, ServerCase, fastkv_only, scaled

KIB = 1 << 10
SHARE = 40 * KIB  # Sent in several parts, from where the value is stored.


def files_allowed(count):
    """Whether this process, and so the server, may open as many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard >= count > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard >= count


class Crowds(ServerCase):
    workers = 1

    def own(self, index):
        return b'%06d' % index * (SHARE // 6)

    def readers(self, count):
        """Clients with a long value each, under their number."""
        clients = [self.client() for _ in range(count)]
        for index, client in enumerate(clients):
            self.assertEqual(client('SET', f'own{index}', self.own(index)), OK)
        return clients

    def ask(self, readers, rounds):
        for index, reader in enumerate(readers):
            reader.send(reader.encode(('GET', f'own{index}')) * rounds)

    def check(self, readers, rounds):
        for index, reader in enumerate(readers):
            for _ in range(rounds):
                reply = reader.reply()
                self.assertTrue(reply == self.own(index),
                                f'client {index} got {reply[:12]!r}, {len(reply)} bytes')

    def busy_clients(self, count):
        """Clients whose requests keep the worker busy for some ten milliseconds."""
        self.c('ZADD', 'z', *(part for i in range(100) for part in (i, f'member:{i}')))
        return [self.client() for _ in range(count)]

    @fastkv_only('is stopped for the connections to queue up')
    def test_values_while_many_connect(self):
        """More than the queue to the kernel holds, with replies in several parts at its end."""
        arriving = 1020
        if not files_allowed(2 * arriving):
            self.skipTest('too few descriptors')
        readers = self.readers(30)
        for round_ in range(scaled(6, 2)):
            busy = self.busy_clients(30)
            self.server.signal(signal.SIGSTOP)
            for client in busy:
                client.send(client.encode(('ZRANGE', 'z', 0, 90)) * 250)
            others = [self.client() for _ in range(arriving - 5 * round_)]
            self.server.signal(signal.SIGCONT)
            self.ask(readers, 1)
            for index, other in enumerate(others):
                other.send(other.encode(('ECHO', f'{round_}:{index}')))
            self.check(readers, 1)
            for index, other in enumerate(others):
                self.assertEqual(other.reply(), f'{round_}:{index}'.encode())
            for client in busy + others:
                client.close()

    def test_values_beside_many_who_do_not_read(self):
        count = scaled(3000, 500)
        if not files_allowed(2 * count):
            self.skipTest('too few descriptors')
        readers = self.readers(30)
        lazy = [self.client(receive_buffer=4 * KIB) for _ in range(count)]
        for index, client in enumerate(lazy):
            client.send(client.encode(('GET', f'own{index % 30}')) * 3)
            if index % 200 == 0:
                self.ask(readers, 2)
                self.check(readers, 2)
        for index, client in enumerate(lazy):
            if index % 3 == 0:
                client.close()
                continue
            for _ in range(3):
                self.assertTrue(client.reply() == self.own(index % 30), f'lazy client {index}')
        self.ask(readers, 2)
        self.check(readers, 2)
