"""Rows that compare CPU per request and latency over the network."""
import contextlib
import statistics

from comparison.load import all_turns, by_name, turn_ratio
from comparison.report import Figure
from comparison.servers import Unavailable

KEYS = 1_000_000
STARTS = 3


def other_servers(context, stack, pinned=True):
    """redis-server where it is installed, and those of the command line."""
    others = []
    with contextlib.suppress(Unavailable):
        others.append(stack.enter_context(context.launcher.redis(pinned)))
    return others + context.extra_servers


def describe_cpu(result, names):
    """CPU per request of each, for the last column."""
    parts = []
    for name in names:
        turns = [turn["cpu_us_per_request"] for turn in by_name(result, name)["turns"]]
        if None not in turns:
            parts.append(f"{name} {statistics.median(turns):.2f} us")
    return ", ".join(parts)


def ratio_figure(row, title, result, names, measure="cpu_us_per_request", **bounds):
    """The figure of names[0] against names[1]."""
    ratio = turn_ratio(result, names[0], names[1], measure)
    if ratio is None:
        return Figure(row, title, None, beside="no CPU times", **bounds)
    return Figure(
        row, title, ratio[0], spread=ratio[1:], beside=describe_cpu(result, names), **bounds
    )


def floor_and_redis(context, row, case, floor_bounds, redis_bounds):
    """One mix of requests at the floor, FastKV and the others, in turns.

    `case` is (label, io, connections, pipeline, read share). Servers are started anew a
    few times and all their turns taken together: where the kernel happens to put a
    server's memory makes two per cent.
    """
    label, io, connections, pipeline, read_share = case
    options = ["--connections", connections, "--pipeline", pipeline, "--keys", KEYS]
    options += ["--read-share", read_share]
    figures = []
    results = []
    for start in range(STARTS):
        with contextlib.ExitStack() as stack:
            fastkv = stack.enter_context(context.launcher.fastkv(io))
            others = other_servers(context, stack) if redis_bounds is not None else []
            size = context.load.request_bytes(*options)
            floor = stack.enter_context(context.launcher.floor(io, size))
            for server in [fastkv] + others:
                context.load.populate(server, KEYS)
            servers = [floor, fastkv] + others
            results.append(context.measure(row, f"{label}, start {start}", servers, *options))
    result = all_turns(results)
    title = f"CPU/request, {label}"
    figures.append(
        ratio_figure(row, f"{title}: against the {io} floor", result, ["fastkv", floor.name],
                     **floor_bounds)
    )
    for other in others:
        bounds = redis_bounds if other.name == "redis" else {}
        figures.append(
            ratio_figure(row, f"{title}: against {other.name}", result, ["fastkv", other.name],
                         **bounds)
        )
    return figures


def get_and_set(context, row, io, pipeline, bounds):
    figures = []
    for word, share in (("GET", 1), ("SET", 0)):
        label = f"{word}, 50 connections, pipeline {pipeline}"
        figures += floor_and_redis(context, row, (label, io, 50, pipeline, share), *bounds)
    return figures


def pipeline_1(context, row):
    bounds = ({"must": 1.08, "aim": 1.02}, {"must": 0.56, "aim": 0.5})
    return get_and_set(context, row, "uring", 1, bounds)


def pipeline_16(context, row):
    bounds = ({"must": 1.5, "aim": 1.3}, {"must": 0.3, "aim": 0.25})
    return get_and_set(context, row, "uring", 16, bounds)


def connections_500(context, row):
    label = "90 % GET, 500 connections, pipeline 1"
    return floor_and_redis(
        context, row, (label, "uring", 500, 1, 0.9), {"must": 1.1, "aim": 1.03}, {}
    )


def epoll(context, row):
    return get_and_set(context, row, "epoll", 1, ({"must": 1.1, "aim": 1.03}, None))


def sorted_set_cpu(context, row):
    """A set of 1 M members of 19 bytes; `member:` and 12 digits are those 19."""
    commands = [
        ("ZADD of an existing member", "ZADD board __score__ member:__key__", 0.5, 0.35, (1, 16)),
        ("ZRANK", "ZRANK board member:__key__", 0.5, 0.35, (1, 16)),
        ("ZRANGEBYSCORE LIMIT 0 10", "ZRANGEBYSCORE board __score__ +inf LIMIT 0 10", 0.5, 0.35,
         (1, 16)),
        ("ZRANGE of 1,000 with scores",
         "ZRANGE board __rand:100000:899000__ __same+999__ WITHSCORES", 0.25, 0.15, (1,)),
    ]
    figures = []
    with contextlib.ExitStack() as stack:
        fastkv = stack.enter_context(context.launcher.fastkv())
        others = other_servers(context, stack)
        for server in [fastkv] + others:
            context.load.populate(server, KEYS, "ZADD board __score__ member:__key__")
        for name, command, must, aim, pipelines in commands:
            for pipeline in pipelines:
                label = f"{name}, 1 M members, pipeline {pipeline}"
                result = context.measure(
                    row, label, others + [fastkv], "--command", command, "--keys", KEYS,
                    "--pipeline", pipeline,
                )
                for other in others:
                    bounds = {"must": must, "aim": aim} if other.name == "redis" else {}
                    title = f"CPU/request, {label}: against {other.name}"
                    figures.append(
                        ratio_figure(row, title, result, ["fastkv", other.name], **bounds)
                    )
    return figures


def fixed_rate(context, row):
    figures = []
    with contextlib.ExitStack() as stack:
        fastkv = stack.enter_context(context.launcher.fastkv())
        others = other_servers(context, stack)
        for server in [fastkv] + others:
            context.load.populate(server, KEYS)
        # Short turns: a hiccup of the machine spoils one of many. Not a part of a second,
        # or one that comes every half second always meets the same server. Many: with 40 of
        # them the median of the ratios came out between 0.5 and 0.9.
        result = context.measure(
            row, "rate", others + [fastkv], "--read-share", 1, "--rate", 40000, "--spin",
            turn_seconds=0.35, times=6,
        )
    for other in others:
        bounds = {"must": 0.8, "aim": 0.5} if other.name == "redis" else {}
        ratio = turn_ratio(result, "fastkv", other.name, "p99_us")
        names = ("fastkv", other.name)
        p99 = [by_name(result, name)["median"]["p99_us"]["median"] for name in names]
        figures.append(
            Figure(row, f"GET p99 at 40,000/s, 50 connections: against {other.name}", ratio[0],
                   spread=ratio[1:], beside=f"fastkv {p99[0]:.0f} us, {other.name} {p99[1]:.0f} us",
                   **bounds)
        )
    return figures
