"""Limits and hostile input: announced sizes, slow readers and writers, too many clients."""

import os
import random
import re
import socket
import tempfile
import threading
import time
import unittest

from harness import (OK, PROTOCOLS, Closed, Server, ServerCase, fastkv_only, is_redis, is_sanitized,
                     patience, scaled, wait_until)

KIB, MIB = 1 << 10, 1 << 20
PER_CONNECTION = 32 * KIB


@unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
@fastkv_only('allocates what is announced')
class AnnouncedSizes(ServerCase):
    def received(self):
        return int(self.server.info('stats')['total_net_input_bytes'])

    def growth(self, connections, data, field='VmRSS'):
        """Bytes by which the server grew when every connection had sent `data`."""
        before, came = self.server.memory(field), self.received()
        for connection in connections:
            connection.send(data)
        wait_until(lambda: self.received() - came >= len(data) * len(connections),
                   what='all of it to be received')
        return self.server.memory(field) - before

    def connections(self, count):
        """Connections that have been served once, so that their own cost is not counted."""
        found = [self.client() for _ in range(count)]
        for connection in found:
            self.assertEqual(connection('PING'), 'PONG')
        return found

    def check(self, data, count=100, field='VmRSS'):
        connections = self.connections(count)
        grown = self.growth(connections, data, field)
        allowed = count * (PER_CONNECTION + 2 * len(data)) + 4 * MIB
        self.assertLessEqual(grown, allowed, f'{count} connections that sent {data[:60]!r}')
        for connection in connections:
            connection.close()
        self.assertEqual(self.c('PING'), 'PONG')

    def test_announced_value(self):
        self.check(b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nhello')

    def test_announced_value_takes_no_address_space(self):
        connections = self.connections(50)
        grown = self.growth(connections, b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nhello',
                            'VmSize')
        # 25 GiB are announced; new arenas of an allocator are reserved in tens of MiB.
        self.assertLess(grown, 2048 * MIB)

    def test_announced_arguments(self):
        self.check(b'*1048576\r\n$4\r\nMGET\r\n$1\r\nk\r\n')
        self.check(b'*1048576\r\n')

    def test_announced_arguments_that_come_in_part(self):
        self.check(b'*1048576\r\n$4\r\nMGET\r\n' + b'$1\r\nk\r\n' * 3000, 50)

    def test_announced_payload_of_the_text_protocol(self):
        connections = [self.client('text') for _ in range(100)]
        for connection in connections:
            self.assertEqual(connection('PING'), 'PONG')
        grown = self.growth(connections, b'SET k 0 536870912\nhello')
        self.assertLessEqual(grown, 100 * (PER_CONNECTION + 60) + 4 * MIB)

    def test_value_that_comes_in_part(self):
        part = b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n' + b'x' * (20 * MIB)
        connections = self.connections(1)
        self.assertLessEqual(self.growth(connections, part),
                             PER_CONNECTION + 2 * len(part) + 4 * MIB)

    def test_memory_comes_back(self):
        before = self.server.memory()
        part = b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n' + b'x' * MIB
        for connection in self.connections(20):
            connection.send(part)
            connection.close()
        wait_until(lambda: self.server.memory() < before + 16 * MIB, 10,
                   'the memory of closed connections')


class WholePipelines(ServerCase):
    """Clients that write all of a pipeline before they read the first reply."""

    def write_all_then_read(self, client, count, size):
        value = b'v' * size
        self.expect(OK, 'SET', 'k', value)
        client.sock.settimeout(patience(60))
        client.send(client.encode(('GET', 'k')) * count)
        for _ in range(count):
            if client.reply() != value:
                self.fail('another reply than the value')

    def test_tcp(self):
        self.write_all_then_read(self.client(), scaled(400_000, 40_000), 500)

    def test_long_values(self):
        self.write_all_then_read(self.client(), 4000, 40_000)

    @fastkv_only('has another option for its socket')
    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'socket')
            os.chmod(folder, 0o755)
            with Server('--unixsocket', path, workers=2) as server, \
                    server.client(address=path) as client:
                self.assertEqual(client('SET', 'k', 'v' * 500), OK)
                client.sock.settimeout(patience(60))
                client.send(client.encode(('GET', 'k')) * 20_000)
                for _ in range(20_000):
                    self.assertEqual(len(client.reply()), 500)


@fastkv_only('has its own limits')
class Budget(ServerCase):
    """What clients make the server keep: of each, and of all together."""
    options = ('--client-query-buffer-limit', 2 * MIB, '--maxmemory-clients', 24 * MIB)

    def closes(self, field):
        return int(self.server.info('stats')[field])

    def log(self):
        return self.server.read('stderr').decode(errors='replace')

    def test_long_request_is_closed(self):
        before = self.closes('client_query_buffer_limit_disconnections')
        client = self.client()
        client.send(b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8388608\r\n')
        try:
            client.send(b'x' * 4 * MIB)
        except OSError:
            pass
        client.until_closed()
        self.assertEqual(self.closes('client_query_buffer_limit_disconnections'), before + 1)
        self.assertIn('client-query-buffer-limit', self.log())
        self.expect(OK, 'SET', 'k', b'x' * MIB)

    def test_largest_is_closed_first(self):
        came = int(self.server.info('stats')['total_net_input_bytes'])
        header = b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n'
        small = [self.client() for _ in range(8)]
        for client in small:
            client.send(header % 900_000 + b'x' * 800_000)
        large = self.client()
        large.send(header % 1_900_000 + b'x' * 1_800_000)
        wait_until(lambda: int(self.server.info('stats')['total_net_input_bytes']) - came
                   > 8_200_000)
        before = self.closes('client_memory_limit_disconnections')
        for client in [self.client() for _ in range(16)]:
            try:
                client.send(header % 1_300_000 + b'x' * 1_200_000)
            except OSError:
                pass
        wait_until(lambda: self.closes('client_memory_limit_disconnections') > before)
        large.until_closed()
        self.assertIn('maxmemory-clients', self.log())
        # The small ones go on.
        for client in small:
            client.send(b'x' * 100_000 + b'\r\n')
            self.assertEqual(client.reply(), OK)

    def test_many_slow_readers_stay_within_the_budget(self):
        value = b'v' * 8000
        self.expect(OK, 'SET', 'k', value)
        clients = [self.client(receive_buffer=256 * KIB) for _ in range(40)]
        for client in clients:
            client.send(client.encode(('GET', 'k')) * 1000)  # 8 MB each.
        memory = []
        for _ in range(50):
            self.expect('PONG', 'PING')
            memory.append(int(self.server.info('memory')['used_memory_output']))
        self.assertLess(max(memory), 32 * MIB)
        alive = 0
        for client in clients:
            try:
                for _ in range(1000):
                    self.assertEqual(len(client.reply()), 8000)
                alive += 1
            except (Closed, OSError):
                pass
        self.assertGreater(alive, 20)


class SlowReaders(ServerCase):
    VALUE = MIB
    options = () if is_redis() else ('--client-output-buffer-limit', 'normal 16mb 0 0')

    def setUp(self):
        super().setUp()
        self.value = b'v' * self.VALUE
        self.expect(OK, 'SET', 'big', self.value)

    def test_paused_reader_gets_everything_later(self):
        count = 60
        client = self.client(receive_buffer=256 * KIB)
        requests = b''.join(client.encode(('GET', 'big')) + client.encode(('INCR', 'n'))
                            for _ in range(count))
        client.send(requests)
        # Others are served meanwhile.
        for i in range(100):
            self.expect(OK, 'SET', f'k{i}', 'v')
        for i in range(count):
            self.assertTrue(client.reply() == self.value)
            self.assertEqual(client.reply(), i + 1)

    @fastkv_only('goes on reading')
    @unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
    def test_paused_reader_costs_little(self):
        before = self.server.memory()
        client = self.client(receive_buffer=256 * KIB)
        value = b'w' * 8000  # Small enough to be copied into the output.
        self.expect(OK, 'SET', 'middle', value)
        count = 10_000
        sender = threading.Thread(target=client.send,
                                  args=(client.encode(('GET', 'middle')) * count,), daemon=True)
        sender.start()
        peak = 0
        for _ in range(200):
            self.expect('PONG', 'PING')
            peak = max(peak, self.server.memory() - before)
        self.assertLess(peak, 24 * MIB, 'of 76 MiB of replies that nobody reads')
        for _ in range(count):
            self.assertTrue(client.reply() == value)
        sender.join()

    @fastkv_only('has its own limits')
    def test_reader_beyond_the_limit_is_closed(self):
        # One request whose reply is larger than the limit cannot be paused half way.
        for i in range(64):
            self.expect(OK, 'SET', f'b{i}', b'%03d' % i + self.value)
        client = self.client(receive_buffer=256 * KIB)
        client.send(client.encode(('MGET', *[f'b{i}' for i in range(64)] * 3)))

        def connected():
            return int(self.server.info('clients')['connected_clients'])

        # Those that stay: this test's own idle client and the one that INFO asks with.
        wait_until(lambda: connected() <= 2, 20, 'the client that does not read to be closed')
        self.assertLess(len(client.until_closed()), 64 * 3 * self.VALUE)
        self.expect('PONG', 'PING')

    def test_many_paused_readers(self):
        clients = [self.client(receive_buffer=256 * KIB) for _ in range(scaled(50, 10))]
        for client in clients:
            client.send(client.encode(('GET', 'big')) * 8 + client.encode(('PING',)))
        self.expect(OK, 'SET', 'other', 'v')
        for client in clients[::2]:
            client.close()
        for client in clients[1::2]:
            for _ in range(8):
                self.assertTrue(client.reply() == self.value)
            self.assertEqual(client.reply(), 'PONG')

    def test_reader_of_one_byte_at_a_time(self):
        self.expect(OK, 'SET', 'small', 'x' * 2000)
        client = self.client(receive_buffer=2 * KIB)
        client.send(client.encode(('GET', 'small')))
        data = b''.join(client.sock.recv(1) for _ in range(2000 + 9))
        self.assertEqual(data, b'$2000\r\n' + b'x' * 2000 + b'\r\n')


class SlowWriters(ServerCase):
    def test_one_byte_at_a_time(self):
        for protocol in PROTOCOLS:
            client = self.client(protocol)
            request = client.encode(('SET', 'k', 'v' * scaled(3000, 300)))
            before = self.server.cpu()
            for byte in request:
                client.send(bytes([byte]))
                if byte == 0x0a:
                    self.expect('PONG', 'PING')
            self.assertEqual(client.reply(), OK)
            self.assertLess(self.server.cpu() - before, patience(1.5))

    def test_long_requests_that_drip_are_not_read_again_and_again(self):
        count = scaled(60_000, 10_000)
        for protocol, request in (
                ('resp', b'*%d\r\n$4\r\nMGET\r\n' % (count + 1) + b'$1\r\nk\r\n' * count),
                ('resp', b'*2\r\n$4\r\nECHO\r\n$%d\r\n' % (count * 10) + b'x' * count * 10
                 + b'\r\n'),
                ('text', b'SET k 0 %d\n' % (count * 10) + b'\n' * count * 10 + b'\n')):
            if protocol not in PROTOCOLS:
                continue
            client = self.client(protocol)
            before = self.server.cpu()
            for start in range(0, len(request), 50):
                client.send(request[start:start + 50])
            client.reply()
            self.assertLess(self.server.cpu() - before, patience(4), request[:40])

    def test_long_values_in_pieces(self):
        """Of any size, between short requests, from several clients in turns."""
        dice = random.Random(5)
        for protocol in PROTOCOLS:
            clients = [self.client(protocol) for _ in range(5)]
            values = [[dice.randbytes(dice.choice((40_000, 70_000, 300_000, 3_000_000)))
                       for _ in range(4)] for _ in clients]
            left = []
            for index, client in enumerate(clients):
                requests = [request for i, value in enumerate(values[index])
                            for request in (('SET', f'{index}:{i}', value), ('INCR', f'n{index}'))]
                left.append(memoryview(b''.join(map(client.encode, requests))))
            while any(left):
                index = dice.choice([i for i, data in enumerate(left) if data])
                size = dice.choice((1, 100, 5000, 70_000, 200_000))
                clients[index].send(left[index][:size])
                left[index] = left[index][size:]
            for index, client in enumerate(clients):
                for i, value in enumerate(values[index]):
                    self.assertEqual((client.reply(), client.reply()), (OK, i + 1))
                    self.assertTrue(self.c('GET', f'{index}:{i}') == value)
            self.expect(OK, 'FLUSHALL')

    def test_many_half_requests(self):
        clients = [self.client() for _ in range(scaled(300, 50))]
        for client in clients:
            client.send(b'*3\r\n$3\r\nSET\r\n$1')
        self.expect('PONG', 'PING')
        for i, client in enumerate(clients):
            client.send(b'\r\nk\r\n$3\r\n%03d\r\n' % i)
        for client in clients:
            self.assertEqual(client.reply(), OK)


class MaxClients(unittest.TestCase):
    REFUSAL = b'-ERR max number of clients reached'

    def test_maxclients(self):
        with Server('--maxclients', 5, workers=2) as server:
            clients = [server.client() for _ in range(5)]
            for client in clients:
                self.assertEqual(client('PING'), 'PONG')
            for _ in range(3):
                refused = server.raw()
                self.assertEqual(refused.until_closed().strip(), self.REFUSAL)
                refused.close()
            self.assertEqual(clients[0]('CONFIG', 'GET', 'maxclients'), [b'maxclients', b'5'])
            clients.pop().close()

            def served():
                with server.raw() as connection:
                    try:
                        connection.send(b'PING\r\n')
                        return connection.line() == b'+PONG\r\n'
                    except (Closed, OSError):
                        return False

            wait_until(served, what='a place to be free')
            stats = wait_until(lambda: clients[0]('INFO', 'stats'))
            self.assertGreaterEqual(int(re.search(rb'rejected_connections:(\d+)', stats)[1]), 3)
            for client in clients:
                client.close()

    def test_limit_of_descriptors(self):
        server = Server(workers=2, files_max=96)
        with server:
            clients = []
            try:
                # More than there are descriptors: the rest is refused or waits in the backlog.
                for _ in range(150):
                    clients.append(server.raw())
                first = clients[0]
                first.send(b'PING\r\n')
                self.assertEqual(first.line().rstrip(), b'+PONG')
                before, began = server.cpu(), time.monotonic()
                while time.monotonic() - began < 0.5:
                    first.send(b'PING\r\n')
                    self.assertEqual(first.line().rstrip(), b'+PONG')
                    time.sleep(0.01)  # Measures what an almost idle server uses.
                self.assertLess(server.cpu() - before, 0.25, 'of 0.5 s: it spins')
            finally:
                for client in clients:
                    client.close()

            def served():
                try:
                    with server.client() as client:
                        return client('PING') == 'PONG'
                except (Closed, OSError):
                    return False

            wait_until(served, what='to be served when others have left')


class Timeout(unittest.TestCase):
    def test_timeout(self):
        with Server('--timeout', 1, workers=2) as server:
            idle = [server.client() for _ in range(20)]
            half = server.raw()
            half.send(b'*2\r\n$3\r\nGET\r\n')
            silent = server.raw()
            busy = server.client()
            began = time.monotonic()
            for client in idle:
                self.assertEqual(client('PING'), 'PONG')
            served = time.monotonic()
            closed = threading.Event()
            ended = []

            def wait_for_the_end():
                for client in idle:
                    client.until_closed()
                ended.append(time.monotonic())
                closed.set()

            waiter = threading.Thread(target=wait_for_the_end)
            waiter.start()
            wait_until(lambda: busy('PING') == 'PONG' and closed.is_set(), 20,
                       'idle clients to be closed')
            waiter.join()
            self.assertGreater(ended[0] - began, 0.9)
            self.assertLess(ended[0] - served, patience(5))
            half.until_closed()
            silent.until_closed()
            self.assertEqual(busy('PING'), 'PONG')
            for client in (*idle, half, silent, busy):
                client.close()


class ManyConnections(ServerCase):
    workers = 4

    def worker_counts(self):
        info = self.server.info('workers') or self.server.info('all')
        return [int(value) for name, value in info.items()
                if re.fullmatch(r'worker_?\d+_(connected_)?clients', name)]

    def test_spread_over_workers(self):
        count = scaled(2000, 400)
        clients = []
        for i in range(count):
            clients.append(self.client())
            if i % 100 == 99:
                self.assertEqual(clients[-1]('PING'), 'PONG')
        for i, client in enumerate(clients):
            client.send(client.encode(('SET', f'k{i}', i)))
        for client in clients:
            self.assertEqual(client.reply(), OK)
        self.expect(count, 'DBSIZE')
        wait_until(lambda: int(self.server.info('clients')['connected_clients']) == count + 2,
                   what='the number of clients in INFO')
        if not is_redis():
            self.assertEqual(len(self.worker_counts()), 4, 'INFO workers gives no worker<i>_clients')
            # Those who asked for INFO before are gone in a moment.
            wait_until(lambda: sum(self.worker_counts()) in (count + 1, count + 2))
            counts = self.worker_counts()
            self.assertLessEqual(max(counts) - min(counts), 1, counts)
            # The first half leaves: those who come fill up the gaps.
            for client in clients[:count // 2]:
                client.close()
            wait_until(lambda: sum(self.worker_counts()) <= count - count // 2 + 2)
            for client in [self.client() for _ in range(count)]:
                self.assertEqual(client('PING'), 'PONG')
            counts = self.worker_counts()
            self.assertLessEqual(max(counts) - min(counts), 1, counts)

    def test_connections_come_and_go(self):
        def work():
            for i in range(scaled(300, 50)):
                with self.server.client() as client:
                    client('INCR', 'n')

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.expect(str(4 * scaled(300, 50)).encode(), 'GET', 'n')

    def test_connections_that_are_reset(self):
        for _ in range(scaled(200, 50)):
            client = self.client()
            client.send(client.encode(('GET', 'k')) * 10)
            # Close with a reset instead of an end.
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            client.close()
        self.expect('PONG', 'PING')
        wait_until(lambda: int(self.server.info('clients')['connected_clients']) == 2,
                   what='all of them to be gone')
