"""Servers under test: start them on free ports, watch them, end them by pid."""
import os
import re
import shutil
import socket
import subprocess
import threading
import time

START_TIMEOUT_S = 15


class Unavailable(Exception):
    """Something that a row needs is not there; the row is left out and says why."""


class Server:
    """A server that is reachable, and its process where that is known."""

    def __init__(self, name, host, port, pid=None, is_floor=False, process=None):
        self.name = name
        self.host = host
        self.port = port
        self.pid = pid
        self.is_floor = is_floor
        self.process = process

    def spec(self):
        """What fastkv-bench takes as --server."""
        text = f"{self.name}={self.host}:{self.port}"
        if self.pid:
            text += f",pid={self.pid}"
        return text + (",floor" if self.is_floor else "")

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise Unavailable(f"{self.name} has ended")

    def context_switches(self):
        """Of all threads, voluntary and not."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/status", encoding="ascii") as status:
                total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
        return total

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def on_core(core):
    """For Popen: let the child run on this core alone; None: anywhere."""
    if core is None:
        return None
    return lambda: os.sched_setaffinity(0, {core})


def drain(stream):
    """Read what a server goes on to log, so that it never blocks on a full pipe."""
    threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()


def start(name, command, announcement, core, is_floor=False):
    """Start a server and wait for the line that tells its port; group 1 of `announcement`."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        preexec_fn=on_core(core),
    )
    said = []
    timer = threading.Timer(START_TIMEOUT_S, process.kill)
    timer.start()
    for line in process.stdout:
        said.append(line.rstrip())
        found = re.search(announcement, line)
        if found:
            timer.cancel()
            drain(process.stdout)
            port = int(found.group(1)) if found.groups() else None
            return Server(name, "127.0.0.1", port, process.pid, is_floor, process)
    timer.cancel()
    process.wait()
    raise Unavailable(f"{name} did not start: {' / '.join(said[-3:]) or command[0]}")


class Launcher:
    """Knows where the programs are and on which core a server belongs."""

    def __init__(self, build, core):
        self.build = build
        self.core = core

    def program(self, *names):
        for name in names:
            path = os.path.join(self.build, name)
            if os.access(path, os.X_OK):
                return path
        wanted = os.path.join(self.build, names[0])
        raise Unavailable(f"{wanted} is not there; run ninja -C {self.build}")

    def fastkv(self, io="uring", workers=1, pinned=True, name="fastkv"):
        command = [self.program("fastkv"), "--port", "0", "--workers", str(workers)]
        command += ["--io", io, "--bind", "127.0.0.1"]
        return start(
            name, command, r"listening on 127\.0\.0\.1:(\d+)", self.core if pinned else None
        )

    def redis(self, pinned=True):
        path = shutil.which("redis-server")
        if path is None:
            raise Unavailable("redis-server is not installed")
        for _ in range(5):  # Somebody else may take the port first.
            port = free_port()
            command = [path, "--save", "", "--appendonly", "no", "--port", str(port)]
            command += ["--bind", "127.0.0.1", "--maxclients", "20000"]
            try:
                server = start(
                    "redis", command, "Ready to accept connections", self.core if pinned else None
                )
            except Unavailable as error:
                if "in use" not in str(error):
                    raise
                continue
            server.port = port
            return server
        raise Unavailable("no free port for redis-server")

    def floor(self, kind, request_bytes):
        path = self.program(f"bench/floor_{kind}", f"bench/floor/floor_{kind}")
        command = [path, "--port", "0", "--request-bytes", str(request_bytes)]
        return start(f"floor_{kind}", command, r"port (\d+)", self.core, is_floor=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """A blocking RESP connection for the few commands a row sends itself."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def call(self, *words):
        self.socket.sendall(encode(*words))
        return self.read()

    def read(self):
        line = self.stream.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.stream.read(size + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return rest


def encode(*words):
    """A RESP request."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def pipeline(server, requests, batch=1000):
    """Send encoded requests, `batch` at a time, and wait for the answers to each batch.

    Every answer must be one line. Returns the first error line, or None.
    """
    error = None
    with Client(server) as client:
        pending = []

        def flush():
            nonlocal error
            client.socket.sendall(b"".join(pending))
            for _ in pending:
                line = client.stream.readline()
                if line[:1] == b"-" and error is None:
                    error = line.decode().strip()
            pending.clear()

        for request in requests:
            pending.append(request)
            if len(pending) == batch:
                flush()
        if pending:
            flush()
    return error


def wait_until(condition, seconds):
    """Poll until it holds; whether it did in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
