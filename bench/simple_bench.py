#!/usr/bin/env python3
"""One blocking connection, one SET at a time: what the simplest client gets.

Speaks the native protocol: `SET key expiry length`, then the value. Most of the
time is this program's own and the kernel's; fastkv-bench measures the server.
"""
import argparse
import multiprocessing
import socket
import sys
import threading
import time


def run(host, port, requests, number, start, results):
    """Send `requests` SETs one by one and report how long they took."""
    try:
        with socket.create_connection((host, port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start.wait()
            begin = time.perf_counter()
            for i in range(requests):
                value = b"value-%d" % i
                connection.sendall(b"SET key-%d-%d 0 %d\n%s\n" % (number, i, len(value), value))
                reply = b""
                while not reply.endswith(b"\n"):
                    received = connection.recv(4096)
                    if not received:
                        raise ConnectionError("the server closed the connection")
                    reply += received
                if reply != b"+OK\n":
                    raise ConnectionError(f"unexpected reply {reply!r}")
            results.put((begin, time.perf_counter(), None))
    except threading.BrokenBarrierError:
        results.put((0, 0, ""))  # Another process failed and tells why.
    except OSError as error:
        start.abort()
        results.put((0, 0, str(error)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1234)
    parser.add_argument("--requests", type=int, default=10000, help="per process (10000)")
    parser.add_argument("--processes", type=int, default=1, help="run so many at once (1)")
    options = parser.parse_args()

    start = multiprocessing.Barrier(options.processes)
    results = multiprocessing.SimpleQueue()
    processes = [
        multiprocessing.Process(
            target=run,
            args=(options.host, options.port, options.requests, number, start, results),
        )
        for number in range(options.processes)
    ]
    for process in processes:
        process.start()
    runs = [results.get() for _ in processes]
    for process in processes:
        process.join()

    failures = [error for _, _, error in runs if error is not None]
    if failures:
        sys.exit(f"simple_bench: {options.host}:{options.port}: {max(failures, key=len)}")
    # perf_counter is one clock for all processes of the machine.
    seconds = max(end for _, end, _ in runs) - min(begin for begin, _, _ in runs)
    requests = options.requests * options.processes
    print(f"{requests} SETs in {seconds:.3f} s: {requests / seconds:.0f} requests/s")


if __name__ == "__main__":
    main()
