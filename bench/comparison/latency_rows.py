"""Rows about what others wait while one asks for something big."""
import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time

from comparison.report import Figure
from comparison.servers import Client, Unavailable, encode, on_core, pipeline

MIB = 1 << 20
ZSET_COMMAND = "ZADD board __score__ member:__key__"
NEIGHBOUR_RATE = 20_000
DEL_SETS = 10
MARK = b"+PONG\r\n"
COPY_BYTES = 64 * 1024  # At a time: the kernel copies without giving the core up.


def call_and_drain(client, request, buffer):
    """Send a request with a large reply and drop the reply, by the PONG behind it."""
    client.socket.sendall(request + encode("PING"))
    tail = b""
    while tail != MARK:
        got = client.socket.recv_into(buffer)
        if got == 0:
            raise ConnectionError("the server closed the connection")
        tail = (tail + bytes(buffer[max(0, got - len(MARK)):got]))[-len(MARK):]


def repeat_request(server, stop, rounds, *words):
    """Noise: one large request after the other."""
    buffer = memoryview(bytearray(COPY_BYTES))
    with Client(server) as client:
        while not stop.is_set():
            call_and_drain(client, encode(*words), buffer)
            rounds.value += 1


def delete_sets(server, stop, rounds, seconds):
    """Noise: delete the prepared sets, spread over the time."""
    with Client(server) as client:
        for number in range(DEL_SETS):
            if stop.wait(seconds / (DEL_SETS + 1)):
                return
            client.call("DEL", f"set:{number}")
            rounds.value += 1


def long_pipeline(count):
    """The bytes of `count` SETs. Made before the noise begins, which gets little of its core."""
    return memoryview(b"".join(encode("SET", f"noise:{i:010d}", b"x" * 64) for i in range(count)))


def send_in_pieces(connection, requests):
    for at in range(0, len(requests), COPY_BYTES):
        connection.sendall(requests[at:at + COPY_BYTES])


def send_long_pipeline(server, stop, rounds, requests, count):
    """Noise: `count` SETs in one go, replies read meanwhile, again and again. A round
    counts as far as it has come."""
    buffer = memoryview(bytearray(COPY_BYTES))
    with Client(server) as client:
        while not stop.is_set():
            sender = threading.Thread(target=send_in_pieces, args=(client.socket, requests))
            sender.start()
            left = count * len(b"+OK\r\n")
            while left > 0:
                got = client.socket.recv_into(buffer)
                if got == 0:
                    raise ConnectionError("the server closed the connection")
                left -= got
                rounds.value += got / len(b"+OK\r\n") / count
            sender.join()


def in_child(context, rounds, stop, noise, *arguments):
    """Run noise beside the load, which goes first whenever both want the core."""

    def run():
        if context.load.core is not None:
            os.sched_setaffinity(0, {context.load.core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        noise(arguments[0], stop, rounds, *arguments[1:])

    return multiprocessing.get_context("fork").Process(target=run, daemon=True)


def neighbours(context, server, noise, *arguments, seconds):
    """GETs at a fixed rate while the noise runs.

    Returns (p99.9, median over turns of a second of their p99.9, rounds of noise), times in
    ms: the machine's hiccups spoil some turns, what the server does shows in all.
    """
    fork = multiprocessing.get_context("fork")
    stop = fork.Event()
    rounds = fork.Value("d", 0)
    child = in_child(context, rounds, stop, noise, server, *arguments)
    child.start()
    try:
        result = context.load.run(
            [server], "--read-share", 1, "--rate", NEIGHBOUR_RATE, "--keys", 1_000_000,
            "--duration", seconds, "--turn", 1, "--warmup", 0,
        )["servers"][0]
    finally:
        stop.set()
        child.join(60)
        if child.is_alive():
            child.kill()
            child.join()
    median = statistics.median(turn["p999_us"] for turn in result["turns"])
    return result["latency_us"]["p99.9"] / 1000, median / 1000, rounds.value


def prepare_neighbours(context, server, keys):
    context.load.populate(server, keys)
    context.load.populate(server, context.scaled(1_000_000), ZSET_COMMAND)
    for number in range(DEL_SETS):
        command = f"ZADD set:{number} __score__ member:__key__"
        context.load.populate(server, context.scaled(1_000_000), command)


def measure_neighbours(context, server):
    """Every kind of noise at one server: {title: what neighbours() returns}."""
    keys = context.scaled(10_000_000)
    seconds = 3 if context.quick else 10
    prepare_neighbours(context, server, keys)
    count = context.scaled(1_000_000)
    found = {}
    found["nothing else"] = neighbours(context, server, idle_noise, seconds=seconds)
    found["KEYS * over 10 M keys"] = neighbours(
        context, server, repeat_request, "KEYS", "*", seconds=seconds
    )
    found["ZRANGE 0 -1 of 1 M members"] = neighbours(
        context, server, repeat_request, "ZRANGE", "board", "0", "-1", seconds=seconds
    )
    found["DEL of a 1 M-member set"] = neighbours(
        context, server, delete_sets, seconds, seconds=seconds
    )
    found["one pipeline of 1 M SETs"] = neighbours(
        context, server, send_long_pipeline, long_pipeline(count), count, seconds=seconds
    )
    return found


def idle_noise(_server, stop, _rounds):
    stop.wait()


def slow_neighbours(context, row):
    with context.launcher.fastkv() as server:
        mine = measure_neighbours(context, server)
    theirs = {}
    with contextlib.suppress(Unavailable), context.launcher.redis() as server:
        theirs = measure_neighbours(context, server)
    figures = []
    for noise, (p999_ms, median, rounds) in mine.items():
        bounds = {} if noise == "nothing else" else {"must": 5, "aim": 1}
        beside = f"median of turns {median:.1f} ms; {rounds:.3g} rounds"
        if noise in theirs:
            beside += "; redis {:.1f} ms, median {:.1f} ms, {:.3g} rounds".format(*theirs[noise])
        title = f"GETs at 20,000/s beside {noise}: p99.9"
        figures.append(Figure(row, title, p999_ms, "ms", beside=beside, **bounds))
    return figures


FLUSH_ROUNDS = 5
FLUSH_TURN_S = 0.05
FLUSH_AT_S = 2
FLUSH_TURNS = 5  # Looked at together: the load takes a moment to start.


def longest_waits(context, server, keys, event):
    """GETs at a fixed rate, an event in the middle: each turn's longest wait, in ms."""
    process = context.load.start(
        [server], "--read-share", 1, "--rate", NEIGHBOUR_RATE, "--keys", keys,
        "--duration", 3 * FLUSH_AT_S, "--turn", FLUSH_TURN_S, "--warmup", 0,
    )
    time.sleep(FLUSH_AT_S)
    event()
    turns = context.load.finish(process)["servers"][0]["turns"]
    return [turn["max_us"] / 1000 for turn in turns]


# Holds as much memory as it is told, and gives all of it back when it is told so.
MEMORY_HOLDER = """
import ctypes, mmap, os, sys
size = int(sys.argv[1])
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_HUGEPAGE)
ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 1, size)
print("ready", flush=True)
sys.stdin.readline()
os._exit(0)
"""


def waits_of_floor(context, keys, memory_bytes):
    """What a FLUSHALL costs at least on this machine: each turn's longest wait at a server that
    holds nothing, beside a process on its core that gives `memory_bytes` back in the middle."""
    request_bytes = context.load.request_bytes("--keys", keys, "--read-share", 1)
    with context.launcher.floor("uring", request_bytes) as floor, subprocess.Popen(
        [sys.executable, "-c", MEMORY_HOLDER, str(memory_bytes)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, preexec_fn=on_core(context.launcher.core),
    ) as holder:
        holder.stdout.readline()
        return longest_waits(context, floor, keys, lambda: holder.communicate("now\n"))


def flush_all(context, row):
    """FLUSHALL of 20 M keys in the middle of GETs at a fixed rate."""
    keys = context.scaled(20_000_000)
    at = int(FLUSH_AT_S / FLUSH_TURN_S)
    flush, quiet, freeing, longest, floor = [], [], [], [], []

    def flush_server():
        with Client(server) as client:
            client.call("FLUSHALL")

    with context.launcher.fastkv() as server:
        with Client(server) as client:
            client.call("PING")
        empty = server.rss_bytes()
        for _ in range(FLUSH_ROUNDS):
            context.load.populate(server, keys)
            held = server.rss_bytes() - empty
            waits = longest_waits(context, server, keys, flush_server)
            windows = [max(waits[i:i + FLUSH_TURNS])
                       for i in range(0, len(waits) - FLUSH_TURNS + 1, FLUSH_TURNS)]
            middle = at // FLUSH_TURNS
            quiet += windows[:middle - 1]
            flush.append(max(waits[at - 1:at - 1 + FLUSH_TURNS]))
            freeing += windows[middle + 1:]
            longest.append(max(flush[-1:] + windows[middle + 1:]))
            time.sleep(max(0, 10 - 2 * FLUSH_AT_S))
            kept = (server.rss_bytes() - empty) / MIB
            floor.append(max(waits_of_floor(context, keys, held)[at:]))
            time.sleep(max(0, 10 - 2 * FLUSH_AT_S))
    title = "FLUSHALL of 20 M keys"
    beside = (
        f"in 0.25 s around it median {statistics.median(flush):.1f}, longest {max(flush):.1f}; "
        f"before it {statistics.median(quiet):.1f}, {max(quiet):.1f}; while freeing "
        f"{statistics.median(freeing):.1f}, {max(freeing):.1f} ms; the floor's longest, in as much "
        f"time beside a process that gives as much memory back, {max(floor):.1f} ms "
        f"(of each of {FLUSH_ROUNDS} times the median {statistics.median(floor):.1f}, here "
        f"{statistics.median(longest):.1f})"
    )
    return [
        Figure(row, f"{title}: others' longest wait, {FLUSH_ROUNDS} times", max(longest),
               "ms", must=2, beside=beside),
        Figure(row, f"{title}: RSS above an empty server's 10 s later", kept, "MiB", must=64),
    ]


def expired_keys(client):
    """How many keys the server says it has removed at their deadline."""
    for line in client.call("INFO", "stats").split(b"\r\n"):
        if line.startswith(b"expired_keys:"):
            return int(line.split(b":")[1])
    raise Unavailable("INFO does not tell expired_keys")


def removal_lags(server, count, seconds, patience):
    """Lags, in ms, of `count` keys that expire over `seconds`; inf: not in time."""
    first_ms = int(time.time() * 1000) + 2000
    deadlines = [first_ms + i * seconds * 1000 // count for i in range(count)]
    error = pipeline(
        server,
        (encode("SET", f"brief:{i}", "x", "PXAT", at) for i, at in enumerate(deadlines)),
    )
    if error:
        raise RuntimeError(error)
    lags = []
    with Client(server) as client:
        before = expired_keys(client)
        while len(lags) < count and time.time() * 1000 < deadlines[-1] + patience * 1000:
            removed = min(expired_keys(client) - before, count)
            now_ms = time.time() * 1000
            lags += [now_ms - deadlines[i] for i in range(len(lags), removed)]
            time.sleep(0.0001)
    return lags + [float("inf")] * (count - len(lags))


def measure_expiry(context, server):
    """(p50, p99) of the lag beside 1 M other volatile keys."""
    command = "SET key:__key__ __value__ EX __rand:10000:99999__"
    context.load.populate(server, context.scaled(1_000_000), command)
    lags = sorted(removal_lags(server, 1000, 10, 2 if context.quick else 20))
    return statistics.median(lags), lags[989]


def expiry(context, row):
    os.sched_setaffinity(0, {context.load.core})
    try:
        with context.launcher.fastkv() as server:
            p50, p99 = measure_expiry(context, server)
        beside = ""
        with contextlib.suppress(Unavailable), context.launcher.redis() as server:
            theirs = measure_expiry(context, server)
            beside = "redis " + ", ".join(
                f"{name} " + (f"{lag:.0f} ms" if lag < float("inf") else "more than 20 s")
                for name, lag in zip(("p50", "p99"), theirs)
            )
    finally:
        os.sched_setaffinity(0, range(os.cpu_count()))
    title = "1,000 keys expire beside 1 M volatile ones: removal lag"
    return [
        Figure(row, f"{title} p50", p50, "ms", must=1, beside=beside),
        Figure(row, f"{title} p99", p99, "ms", must=5, beside=beside),
    ]
