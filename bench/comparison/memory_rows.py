"""Rows about resident memory, and what an idle server does."""
import contextlib
import os
import random
import resource
import socket
import time

from comparison.report import Figure
from comparison.servers import Client, Unavailable, encode, pipeline

MIB = 1 << 20
KEY_AND_VALUE = 16 + 64
ZSET_COMMAND = "ZADD board __score__ member:__key__"
TTL_COMMAND = "SET key:__key__ __value__ EX __rand:10000:99999__"


def growth_per_key(context, server, keys, command=None):
    """RSS that `keys` keys add to a server that has answered a request, per key."""
    with Client(server) as client:
        client.call("PING")
    before = server.rss_bytes()
    context.load.populate(server, keys, command)
    return (server.rss_bytes() - before) / keys


def growth_row(context, row, title, command, known_bytes, bounds):
    keys = context.scaled(1_000_000)
    values = {}
    for start in (context.launcher.fastkv, context.launcher.redis):
        with contextlib.suppress(Unavailable) if values else contextlib.nullcontext():
            with start() as server:
                values[server.name] = growth_per_key(context, server, keys, command) - known_bytes
    beside = f"redis {values['redis']:.1f} B" if "redis" in values else ""
    return [Figure(row, title, values["fastkv"], "B", beside=beside, **bounds)]


def memory_per_key(context, row):
    title = "RSS per key beyond key and value, 1 M keys of 16 B + 64 B"
    return growth_row(context, row, title, None, KEY_AND_VALUE, {"must": 24, "aim": 18})


def memory_per_key_with_ttl(context, row):
    title = "the same for keys with a TTL"
    return growth_row(context, row, title, TTL_COMMAND, KEY_AND_VALUE, {"must": 42, "aim": 34})


def memory_per_member(context, row):
    title = "sorted set, 1 M members of 19 B: RSS per member in all"
    return growth_row(context, row, title, ZSET_COMMAND, 0, {"must": 64, "aim": 52})


def rewrites(context, row):
    """Values rewritten 20 times with random sizes: what fragmentation costs."""
    keys = context.scaled(1_000_000)
    payload = bytes(random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz", k=512))
    heads = [b"\r\n$%d\r\n%s\r\n" % (size, payload[:size]) for size in range(513)]
    chooser = random.Random(2)
    sizes = []
    with context.launcher.fastkv() as server:
        for _ in range(21):  # Written once, then rewritten.
            sizes = chooser.choices(range(16, 513), k=keys)
            order = list(range(keys))
            chooser.shuffle(order)
            error = pipeline(
                server,
                (b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d%s" % (key, heads[sizes[key]])
                 for key in order),
            )
            if error:
                raise RuntimeError(error)
        live = sum(sizes) + 16 * keys
        value = server.rss_bytes() / live
    title = "1 M values rewritten 20 times, 16-512 B: RSS against live bytes"
    return [Figure(row, title, value, must=1.3, aim=1.15, beside=f"{live / MIB:.0f} MiB live")]


def idle_switches(context, row):
    """A server with all its workers that nobody talks to."""
    seconds = 10
    with context.launcher.fastkv(workers=os.cpu_count(), pinned=False) as server:
        with Client(server) as client:
            client.call("SET", "key", "value")
        time.sleep(1)
        before = server.context_switches()
        time.sleep(seconds)
        value = server.context_switches() - before
    title = "idle server, all workers: context switches in 10 s"
    return [Figure(row, title, value, "in all", must=20)]


def idle_connections(context, row):
    """10,000 connections that have asked once and then keep still."""
    count = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    with context.launcher.fastkv(workers=os.cpu_count(), pinned=False) as server:
        with Client(server) as client:
            client.call("PING")
        before = server.rss_bytes()
        connections = []
        try:
            for _ in range(count):
                connection = socket.create_connection((server.host, server.port))
                connections.append(connection)
                connection.sendall(encode("PING"))
                if connection.recv(64) != b"+PONG\r\n":
                    raise RuntimeError("a connection was refused")
            value = (server.rss_bytes() - before) / count / 1024
        finally:
            for connection in connections:
                connection.close()
    return [Figure(row, "10,000 idle connections: RSS per connection", value, "KiB", must=4)]
