"""Starting and stopping: flags, mistakes in them, signals, sockets, logs."""

import errno
import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from harness import OK, Connection, RespClient, Server, fastkv_only, patience, scaled, wait_until
from harness.server import ACCEPT4, BINARY

NOBODY = 65534


def run(*arguments, user=None, cwd=None):
    """Run the server with these arguments until it ends."""
    extra = {'user': user, 'group': user} if user is not None else {}
    return subprocess.run([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=patience(10), cwd=cwd, **extra)


@fastkv_only('has other flags')
class Flags(unittest.TestCase):
    def test_version(self):
        for flag in ('--version', '-v'):
            done = run(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertRegex(done.stdout, r'(?i)^fastkv .*\d+\.\d+\.\d+.*\n$')

    def test_help(self):
        for flag in ('--help', '-h'):
            done = run(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            for option in ('port', 'bind', 'unixsocket', 'unixsocketperm', 'workers', 'databases',
                           'maxclients', 'timeout', 'tcp-keepalive', 'io', 'loglevel', 'logfile',
                           'version', 'help'):
                self.assertIn('--' + option, done.stdout)

    def refused(self, *arguments, mentions=(), **settings):
        """One line on stderr that says what is wrong, and exit 1."""
        done = run(*arguments, **settings)
        self.assertEqual(done.returncode, 1, f'{arguments}: {done}')
        self.assertEqual(done.stdout, '', arguments)
        self.assertEqual(done.stderr.count('\n'), 1, f'{arguments}: {done.stderr!r}')
        self.assertGreater(len(done.stderr), 20, arguments)
        for word in mentions:
            self.assertIn(str(word), done.stderr, arguments)
        return done.stderr

    def test_wrong_flags(self):
        self.refused('--bogus', mentions=['--bogus', '--help'])
        self.refused('--bogus=5', mentions=['--bogus'])
        self.refused('port', mentions=['port'])
        self.refused('-x', mentions=['-x'])
        self.refused('--', mentions=['--'])
        self.refused('--ports', 1, mentions=['--ports'])

    def test_missing_values(self):
        for flag in ('--port', '--workers', '--io', '--unixsocket', '--maxclients', '--timeout',
                     '--databases', '--bind', '--loglevel', '--logfile', '--unixsocketperm',
                     '--tcp-keepalive'):
            self.refused(flag, mentions=[flag])

    def test_wrong_values(self):
        for flag, values in (('--port', ('abc', '-1', '65536', '1.5', '', '1x', '99999999999999')),
                             ('--workers', ('0', '-1', 'abc', '1000000', '')),
                             ('--databases', ('0', '-1', 'x', '99999999999')),
                             ('--maxclients', ('0', '-1', 'x')),
                             ('--timeout', ('-1', 'x', '')),
                             ('--tcp-keepalive', ('-1', 'x', '', '32768')),
                             ('--io', ('foo', '', 'URING ')),
                             ('--loglevel', ('loud', '')),
                             ('--unixsocketperm', ('8', 'rwx', '7777', '', '-7')),
                             ('--unixsocket', ('', 'x' * 200)),
                             ('--logfile', ('',)),
                             ('--bind', ('',))):
            for value in values:
                self.refused('--port', 0, flag, value, mentions=[flag])
                self.refused('--port', 0, f'{flag}={value}', mentions=[flag])

    def test_addresses_that_are_none(self):
        for address in ('300.1.1.1', 'no such host', '1.2.3.4.5', '192.0.2.1', '2001:db8::1'):
            self.refused('--port', 0, '--bind', address, mentions=['bind'])

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused('--port', port, '--bind', '127.0.0.1', mentions=[port])

    def test_port_of_another_fastkv(self):
        with Server() as server:
            self.refused('--port', server.port, '--bind', '127.0.0.1', mentions=[server.port])
            with server.client() as client:
                self.assertEqual(client('PING'), 'PONG')

    def test_directory_without_permission(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            closed = os.path.join(folder, 'closed')
            os.mkdir(closed, 0o500)
            for flag in ('--unixsocket', '--logfile'):
                path = os.path.join(folder, 'absent', 'file')
                self.refused('--port', 0, flag, path, mentions=[path])
                if os.geteuid() == 0:
                    path = os.path.join(closed, 'file')
                    self.refused('--port', 0, flag, path, mentions=[path], user=NOBODY)
                self.refused('--port', 0, flag, folder, mentions=[folder])

    def test_unix_socket_in_the_way(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'file')
            with open(path, 'w') as file:
                file.write('precious')
            self.refused('--port', 0, '--unixsocket', path, mentions=[path])
            with open(path) as file:
                self.assertEqual(file.read(), 'precious')
            with Server('--unixsocket', os.path.join(folder, 'sock')):
                self.refused('--port', 0, '--unixsocket', os.path.join(folder, 'sock'),
                             mentions=[os.path.join(folder, 'sock')])

    def test_flag_with_equals(self):
        with Server('--databases=3', '--timeout=0') as server, server.client() as client:
            self.assertEqual(client('SELECT', 2), OK)
            self.assertEqual(client('CONFIG', 'GET', 'databases'), [b'databases', b'3'])


class Signals(unittest.TestCase):
    @fastkv_only('ends by it')
    def test_sighup_opens_the_log_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            path = os.path.join(folder, 'log')
            with Server('--logfile', path, log_file=path) as server, server.client() as client:
                self.assertEqual(client('SET', 'k', 'v'), OK)
                os.rename(path, path + '.old')
                server.signal(signal.SIGHUP)
                wait_until(lambda: os.path.exists(path) and 'SIGHUP' in open(path).read(),
                           what='a new log')
                with open(path + '.old') as file:
                    self.assertNotIn('SIGHUP', file.read())
                self.assertEqual(client('GET', 'k'), b'v')

    @fastkv_only('has other signals')
    def test_other_signals_change_nothing(self):
        with Server() as server, server.client() as client:
            self.assertEqual(client('SET', 'k', 'v'), OK)
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
                server.signal(number)
            self.assertEqual(client('GET', 'k'), b'v')
            wait_until(lambda: b'SIGUSR2' in server.read('stderr'), what='a line of each')
            self.assertEqual(client('GET', 'k'), b'v')

    def ends_within_a_second(self, server, number):
        began = time.monotonic()
        server.signal(number)
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - began, patience(1))

    def test_idle(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server() as server:
                self.ends_within_a_second(server, number)

    def test_with_clients(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server() as server:
                clients = [server.client() for _ in range(100)]
                for client in clients:
                    self.assertEqual(client('PING'), 'PONG')
                self.ends_within_a_second(server, number)
                for client in clients:
                    self.assertEqual(client.until_closed(), b'')
                    client.close()

    @fastkv_only('drops what is under way')
    def test_answers_what_was_read(self):
        for protocol in ('resp', 'text'):
            for size in (1000, 10, 300):
                with Server() as server:
                    client = server.client(protocol)
                    data = b''.join(client.encode(('INCR', 'n')) for _ in range(size))
                    client.send(data)
                    self.assertEqual(client.reply(), 1)
                    # All in one segment with the first: it has been read.
                    self.ends_within_a_second(server, signal.SIGTERM)
                    end = b'\r\n' if protocol == 'resp' else b'\n'
                    expected = b''.join(b':%d%b' % (i, end) for i in range(2, size + 1))
                    self.assertEqual(client.until_closed(), expected)
                    client.close()

    @fastkv_only('drops what is under way')
    def test_answers_what_it_has_deferred(self):
        count = scaled(100_000, 10_000)
        with Server() as server, server.client() as client:
            client.pipeline([('SET', f'k{i}', 'v') for i in range(count)])
            client.send(client.encode(('PING',)) + client.encode(('KEYS', '*')))
            self.assertEqual(client.reply(), 'PONG')  # Both have been read.
            self.ends_within_a_second(server, signal.SIGTERM)
            self.assertEqual(len(client.reply()), count)

    @fastkv_only('drops what is under way')
    def test_replies_are_never_cut(self):
        with Server() as server:
            clients = [server.client() for _ in range(8)]
            for i, client in enumerate(clients):
                client.send(client.encode(('INCR', f'n{i}')) * 5000)
            for client in clients:
                self.assertEqual(client.reply(), 1)
            self.ends_within_a_second(server, signal.SIGTERM)
            for client in clients:
                numbers = client.until_closed().split(b'\r\n')
                self.assertEqual(numbers.pop(), b'')
                self.assertEqual(numbers, [b':%d' % i for i in range(2, len(numbers) + 2)])
                client.close()

    def test_with_a_client_that_does_not_read(self):
        with Server() as server:
            client = server.client()
            client('SET', 'big', b'x' * (1 << 22))
            client.send(client.encode(('GET', 'big')) * 20)
            client.line()
            self.ends_within_a_second(server, signal.SIGTERM)
            client.close()

    def test_with_half_a_request_and_refuses_new_clients(self):
        with Server() as server:
            half = server.client()
            half.send(b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nabc')
            with server.client() as client:
                self.assertEqual(client('PING'), 'PONG')
            address = server.address
            self.ends_within_a_second(server, signal.SIGTERM)
            self.assertEqual(half.until_closed(), b'')
            half.close()
            self.assertRaises(OSError, Connection, address)

    @fastkv_only('finishes a request before it looks at signals')
    def test_while_it_is_busy(self):
        with Server() as server:
            client = server.client()
            for start in range(0, 50000, 1000):
                client.pipeline([('SET', f'k{start + i}', 'v') for i in range(1000)])
            client.send(client.encode(('KEYS', '*')) * 20)
            self.ends_within_a_second(server, signal.SIGINT)
            client.close()

    def test_twice(self):
        with Server() as server:
            server.signal(signal.SIGTERM)
            try:
                server.signal(signal.SIGTERM)
            except ProcessLookupError:
                pass
            server.wait()

    @fastkv_only('reloads or dies')
    def test_other_signals(self):
        with Server() as server:
            server.signal(signal.SIGPIPE)
            with server.client() as client:
                self.assertEqual(client('PING'), 'PONG')

    def test_shutdown(self):
        for options in ([], ['NOSAVE'], ['nosave', 'NOW']):
            with Server() as server:
                client, other = server.client(), server.client()
                self.assertEqual(other('PING'), 'PONG')
                began = time.monotonic()
                client.send(client.encode(('SHUTDOWN', *options)))
                self.assertEqual(client.until_closed(), b'')
                self.assertEqual(server.wait(), 0)
                self.assertLess(time.monotonic() - began, patience(1))
                self.assertEqual(other.until_closed(), b'')
                client.close()
                other.close()

    def test_shutdown_errors(self):
        with Server() as server, server.client() as client:
            for wrong in (['FOO'], ['NOSAVE', 'SAVE'], ['NOSAVE', 'FOO'], ['ABORT', 'NOW']):
                self.assertEqual(client('SHUTDOWN', *wrong).text, 'ERR syntax error')
            self.assertEqual(client('SHUTDOWN', 'abort').text, 'ERR No shutdown in progress.')
            self.assertEqual(client('PING'), 'PONG')


class Sockets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='fastkv-test-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_unix_socket(self):
        path = self.path('sock')
        with Server('--unixsocket', path) as server:
            with server.client(address=path) as client, server.client() as other:
                self.assertEqual(client('SET', 'k', 'v' * 100_000), OK)
                self.assertEqual(other('GET', 'k'), b'v' * 100_000)
                self.assertEqual(client.pipeline([('INCR', 'n')] * 1000), list(range(1, 1001)))
            self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        self.assertFalse(os.path.exists(path))

    def test_unix_socket_permissions(self):
        for mode in ('700', '777', '660'):
            path = self.path('sock' + mode)
            with Server('--unixsocket', path, '--unixsocketperm', mode):
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), int(mode, 8))

    @fastkv_only('always replaces it')
    def test_unix_socket_left_behind_is_replaced(self):
        path = self.path('sock')
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        with Server('--unixsocket', path) as server, server.client(address=path) as client:
            self.assertEqual(client('PING'), 'PONG')

    @fastkv_only('removes whatever is there')
    def test_unix_socket_of_another_stays(self):
        path = self.path('sock')
        with Server('--unixsocket', path) as first:
            os.unlink(path)
            with Server('--unixsocket', path) as second:
                with second.client() as client:
                    self.assertEqual(client('SET', 'whose', 'second'), OK)
                first.stop()
                with second.client(address=path) as client:
                    self.assertEqual(client('GET', 'whose'), b'second')
        self.assertEqual(os.listdir(self.folder), [])

    @fastkv_only('logs differently')
    def test_accepting_that_fails_does_not_spin(self):
        with Server(refused_call=(ACCEPT4, errno.ENOBUFS)) as server, server.raw():
            wait_until(lambda: b'cannot accept' in server.read('stderr'), what='a line in the log')
            before, began = server.cpu(), time.monotonic()
            time.sleep(0.5)
            self.assertLess(server.cpu() - before, (time.monotonic() - began) / 2)
            self.assertEqual(server.read('stderr').count(b'cannot accept'), 1)

    def keepalive(self, *options):
        """Seconds until the server probes a connection; None: it will not."""
        with Server(*options) as server, server.raw() as connection:
            connection.send(b'PING\r\n')
            connection.line()
            ports = f':{server.port:04X}', f':{connection.sock.getsockname()[1]:04X}'
            with open('/proc/net/tcp') as file:
                for fields in map(str.split, file):
                    if (fields[1][-5:], fields[2][-5:]) == ports:
                        timer, jiffies = fields[5].split(':')
                        return int(jiffies, 16) / os.sysconf('SC_CLK_TCK') if timer == '02' else None
        raise AssertionError('no such connection')

    def test_keepalive(self):
        self.assertAlmostEqual(self.keepalive(), 300, delta=10)
        self.assertAlmostEqual(self.keepalive('--tcp-keepalive', 60), 60, delta=10)
        self.assertIsNone(self.keepalive('--tcp-keepalive', 0))

    def test_ipv6(self):
        if not socket.has_ipv6 or not os.path.exists('/proc/net/if_inet6'):
            self.skipTest('no IPv6 here')
        with open('/proc/net/if_inet6') as file:
            if ' lo\n' not in file.read():
                self.skipTest('no IPv6 here')
        with Server(bind='::1') as server:
            with RespClient(('::1', server.port)) as client:
                self.assertEqual(client('PING'), 'PONG')
            self.assertRaises(OSError, Connection, ('127.0.0.1', server.port))

    def test_bind(self):
        with Server(bind='127.0.0.2') as server:
            with RespClient(('127.0.0.2', server.port)) as client:
                self.assertEqual(client('PING'), 'PONG')
            self.assertRaises(OSError, Connection, ('127.0.0.1', server.port))

    @fastkv_only('takes several arguments')
    def test_bind_to_several(self):
        with Server(bind='127.0.0.1,127.0.0.3') as server:
            log = server.read('stderr').decode()
            ports = re.findall(r'listening on (127\.0\.0\.\d):(\d+)', log)
            self.assertEqual([address for address, _ in ports], ['127.0.0.1', '127.0.0.3'])
            for address, port in ports:
                with RespClient((address, int(port))) as client:
                    self.assertEqual(client('PING'), 'PONG')

    @fastkv_only('listens on loopback by default, too, but says so elsewhere')
    def test_loopback_only_by_default(self):
        with Server() as server:
            listening = re.findall(r'listening on (\S+):\d+', server.read('stderr').decode())
            self.assertIn('127.0.0.1', listening)
            self.assertEqual(set(listening).difference({'127.0.0.1', '[::1]'}), set())


class Settings(unittest.TestCase):
    def test_databases(self):
        with Server('--databases', 2) as server, server.client() as client:
            self.assertEqual(client('SELECT', 1), OK)
            self.assertEqual(client('SELECT', 2).text, 'ERR DB index is out of range')
            self.assertEqual(client('CONFIG', 'GET', 'databases'), [b'databases', b'2'])
        with Server('--databases', 1000) as server, server.client() as client:
            self.assertEqual(client('SELECT', 999), OK)
            self.assertEqual(client('SET', 'k', 'v'), OK)
            self.assertEqual(client('FLUSHALL'), OK)

    @fastkv_only('takes memory for each')
    def test_databases_cost_nothing(self):
        with Server('--databases', 1) as one, Server('--databases', 5000) as many:
            self.assertLess(many.memory() - one.memory(), 8 << 20)

    @fastkv_only('logs otherwise')
    def test_logfile(self):
        with tempfile.TemporaryDirectory(prefix='fastkv-test-') as folder:
            path = os.path.join(folder, 'log')
            for _ in range(2):
                with Server('--logfile', path, log_file=path) as server:
                    with server.client() as client:
                        self.assertEqual(client('PING'), 'PONG')
                    self.assertEqual(server.read('stderr'), b'')
            with open(path) as file:
                self.assertEqual(file.read().count('listening on 127.0.0.1'), 2)

    @fastkv_only('logs otherwise')
    def test_loglevel(self):
        with Server('--loglevel', 'debug') as server:
            with server.client() as client:
                self.assertEqual(client('PING'), 'PONG')

    def test_workers(self):
        for workers in (1, 2, 16):
            with Server(workers=workers) as server:
                clients = [server.client() for _ in range(20)]
                for i, client in enumerate(clients):
                    self.assertEqual(client('INCR', 'n'), i + 1)
                    self.assertEqual(client('MSET', *[f'k{j}' for j in range(20)]), OK)
                self.assertEqual(clients[0]('DBSIZE'), 11)
                for client in clients:
                    client.close()

    @fastkv_only('has one loop')
    def test_io_is_announced(self):
        with Server() as server:
            wait_until(lambda: re.search(rb'uring|epoll', server.read('stderr')),
                       what='the log to say which loop it uses')

    @fastkv_only('has one loop')
    def test_auto_falls_back_to_epoll(self):
        with Server(io='auto', without_uring=True) as server:
            with server.client() as client:
                self.assertEqual(client('SET', 'k', 'v'), OK)
                self.assertEqual(client('GET', 'k'), b'v')
            why = [line for line in server.read('stderr').decode().splitlines()
                   if 'io_uring' in line and 'epoll' in line]
            self.assertEqual(len(why), 1, server.output())
            self.assertIn('not permitted', why[0].lower())

    @fastkv_only('has one loop')
    def test_uring_that_is_refused(self):
        server = Server(io='uring', without_uring=True)
        try:
            server.process = server.spawn(server.command_line())
            self.assertEqual(server.wait(), 1)
            error = server.read('stderr').decode()
            self.assertEqual(error.count('\n'), 1, error)
            self.assertRegex(error.lower(), '--io.*not permitted.*--io')
        finally:
            server.stop(check=False)

    def test_two_servers_side_by_side(self):
        with Server() as one, Server() as two:
            with one.client() as first, two.client() as second:
                self.assertEqual(first('SET', 'k', 'one'), OK)
                self.assertIsNone(second('GET', 'k'))


class Idle(unittest.TestCase):
    @fastkv_only('ticks')
    def test_idle_server_does_nothing(self):
        """No traffic and no deadline due: no CPU time, hardly a context switch."""
        with Server() as server:
            clients = [server.client() for _ in range(50)]
            for client in clients:
                self.assertEqual(client('SET', 'k', 'v', 'EX', 1000), OK)

            def switches():
                total = 0
                for task in os.listdir(f'/proc/{server.process.pid}/task'):
                    with open(f'/proc/{server.process.pid}/task/{task}/status') as file:
                        total += sum(map(int, re.findall(r'ctxt_switches:\s+(\d+)', file.read())))
                return total

            def settles():
                # Half a second is what is measured here, not something that is waited for.
                before = switches()
                time.sleep(0.5)
                return switches() - before <= 5

            wait_until(settles, 10, 'an idle server to stop switching')
            for client in clients:
                client.close()
