"""The server under test: start it on a free port, watch it, stop it.

The environment says what is tested; `run` sets it:

    FASTKV_TEST_SERVER   path of the binary, or "redis" for the redis-server of the system
    FASTKV_TEST_IO       uring, epoll or auto
    FASTKV_TEST_SCALE    sizes are multiplied by it and time limits divided: 0.1 for sanitizers
"""

import ctypes
import errno
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from .client import Connection, RespClient, TextClient

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
BINARY = os.environ.get('FASTKV_TEST_SERVER') or os.path.join(ROOT, 'build', 'fastkv')
IO = os.environ.get('FASTKV_TEST_IO') or 'auto'
SCALE = float(os.environ.get('FASTKV_TEST_SCALE') or 1)

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
IO_URING_SETUP, ACCEPT4 = 425, 288 if os.uname().machine == 'x86_64' else 242
SANITIZER_REPORT = re.compile(rb'ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|: runtime error: ')

_libc = ctypes.CDLL(None)


def is_redis():
    return BINARY == 'redis'


def is_sanitized():
    """Whether the binary is a sanitizer build, whose memory figures say nothing."""
    if is_redis():
        return False
    with open(BINARY, 'rb') as file:
        content = file.read()
    return any(mark in content for mark in (b'__asan_init', b'__tsan_init', b'__ubsan_handle'))


def scaled(count, least=1):
    """A size of a test, smaller on a slow build."""
    return max(least, int(count * SCALE))


SLOWER = max(1.0, 1 / SCALE)
PROTOCOLS = ('resp',) if is_redis() else ('resp', 'text')


def patience(seconds):
    """A time limit, longer on a slow build."""
    return seconds * SLOWER


def wait_until(condition, timeout=10.0, what='the condition'):
    """Ask until `condition()` is true; its value."""
    deadline = time.monotonic() + patience(timeout)
    pause = 0.0005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {patience(timeout):.1f} s in vain for {what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def refuse_call(number, error):
    """Make a system call fail with `error` in this process, as containers do."""
    load_number, if_equal, ret = 0x20, 0x15, 0x06
    allow, refuse = 0x7fff0000, 0x00050000 | error
    code = b''.join(struct.pack('=HBBI', *instruction) for instruction in (
        (load_number, 0, 0, 0), (if_equal, 0, 1, number), (ret, 0, 0, refuse), (ret, 0, 0, allow)))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack('@HP', len(code) // 8, ctypes.addressof(buffer)))
    if (_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            or _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0):
        os._exit(126)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Server:
    """One server process. Use it as a context manager, or start() and stop()."""

    def __init__(self, *options, workers=4, io=None, files_max=None, user=None, bind=None,
                 log_file=None, directory=None, binary=None, without_uring=False,
                 refused_call=None, address_space_max=None):
        self.address_space_max = address_space_max
        self.refused_calls = [(IO_URING_SETUP, errno.EPERM)] if without_uring else []
        self.refused_calls += [refused_call] if refused_call else []
        self.binary = binary or BINARY
        self.options = [str(option) for option in options]
        self.workers = workers
        self.io = io or IO
        self.files_max = files_max
        self.user = user
        self.bind = bind
        self.log_file = log_file
        self.directory = directory
        self.own_directory = directory is None
        self.process = None
        self.port = None
        self.host = '127.0.0.1'

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stop(check=kind is None)

    # ---- starting ----

    def command_line(self):
        if self.binary == 'redis':
            self.port = free_port()
            line = [shutil.which('redis-server') or 'redis-server', '--port', str(self.port),
                    '--save', '', '--appendonly', 'no', '--enable-debug-command', 'no']
        else:
            line = [self.binary, '--port', '0', '--workers', str(self.workers), '--io', self.io]
        if self.bind:
            line += ['--bind', self.bind]
        return line + self.options

    def spawn(self, line):
        """Start `line` with its output in files; the process."""
        if self.directory is None:
            self.directory = tempfile.mkdtemp(prefix='fastkv-test-')
            os.chmod(self.directory, 0o755)
        parent = os.getpid()

        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            for call in self.refused_calls:
                refuse_call(*call)
            if self.files_max is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.files_max, self.files_max))
            if self.address_space_max is not None:
                resource.setrlimit(resource.RLIMIT_AS, (self.address_space_max,) * 2)

        extra = {'user': self.user, 'group': self.user} if self.user is not None else {}
        with open(self.path('stderr'), 'wb') as errors, open(self.path('stdout'), 'wb') as output:
            return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                    cwd=self.directory, preexec_fn=prepare, **extra)

    def start(self):
        self.log_before = len(self._read(self.log_file)) if self.log_file else 0
        for attempt in range(5):
            self.process = self.spawn(self.command_line())
            try:
                wait_until(self._listens, 20, 'the server to listen')
                return self
            except AssertionError:
                taken = self.binary == 'redis' and b'already in use' in self.read('stdout')
                self.process.kill()
                self.process.wait()
                if not taken or attempt == 4:
                    text = self.output()
                    self.stop(check=False)
                    raise AssertionError(f'the server did not start:\n{text}') from None
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError('the server ended')
        if self.binary == 'redis':
            return b'Ready to accept connections' in self.read('stdout')
        log = self._read(self.log_file)[self.log_before:] if self.log_file \
            else self.read('stderr')
        # Unless asked for others, 127.0.0.1 is listened on, perhaps beside ::1.
        address = rb'(\[[0-9a-f:]+\]|[0-9.]+)' if self.bind else rb'(127\.0\.0\.1)'
        found = re.search(rb'listening on ' + address + rb':(\d+)', log)
        if not found:
            return False
        self.host = found[1].decode().strip('[]')
        self.port = int(found[2])
        return True

    # ---- watching ----

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _read(path):
        try:
            with open(path, 'rb') as file:
                return file.read()
        except OSError:
            return b''

    def read(self, name):
        return self._read(self.path(name)) if self.directory else b''

    def output(self):
        text = b''.join(self.read(name)[-8000:] for name in ('stdout', 'stderr'))
        return '    | ' + text.decode(errors='replace').rstrip().replace('\n', '\n    | ')

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def trouble(self):
        """What is wrong with the server, with its output; None when all is well."""
        if self.process is None:
            return None
        if SANITIZER_REPORT.search(self.read('stderr')):
            return 'a sanitizer reports:\n' + self.output()
        if self.process.poll() is not None:
            return f'the server ended with {self.process.returncode}:\n{self.output()}'
        return None

    def memory(self, field='VmRSS'):
        """Bytes of a field of /proc/PID/status."""
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(rf'^{field}:\s+(\d+) kB', file.read(), re.M)[1]) * 1024

    def cpu(self):
        """Seconds of CPU time that the server has used."""
        with open(f'/proc/{self.process.pid}/stat') as file:
            fields = file.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    # ---- clients ----

    @property
    def address(self):
        return (self.host, self.port)

    def raw(self, **options):
        return Connection(self.address, timeout=patience(30), **options)

    def client(self, protocol='resp', address=None, **options):
        kind = RespClient if protocol == 'resp' else TextClient
        return kind(address or self.address, timeout=patience(30), **options)

    def info(self, section=None):
        """The fields of INFO as a dict of strings."""
        with self.client() as client:
            text = client('INFO', *([section] if section else [])).decode()
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    # ---- stopping ----

    def wait(self, timeout=10.0):
        """Wait for its end; the exit code."""
        try:
            return self.process.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f'the server still runs after {patience(timeout):.1f} s:\n'
                                 + self.output()) from None

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop(self, check=True):
        """End it by SIGTERM; with `check`, insist that it ran until now and ends well."""
        problem = None
        try:
            if self.process is not None and self.process.poll() is None:
                self.signal()
                try:
                    self.process.wait(patience(10))
                except subprocess.TimeoutExpired:
                    problem = 'the server does not end on SIGTERM:\n' + self.output()
            elif self.process is not None and self.process.returncode != 0:
                problem = self.trouble()
            if self.process is not None and problem is None:
                if self.process.returncode != 0 or SANITIZER_REPORT.search(self.read('stderr')):
                    problem = f'the server ended with {self.process.returncode}:\n{self.output()}'
        finally:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None
            if self.own_directory and self.directory:
                shutil.rmtree(self.directory, ignore_errors=True)
                self.directory = None
        if problem and check:
            raise AssertionError(problem)
