"""CPU per request over sizes of values, on both event loops."""
import contextlib

from comparison.load import by_name
from comparison.network_rows import other_servers, ratio_figure

SIZES = (64, 1 << 10, 4 << 10, 16 << 10, 60_000, 256 << 10, 1 << 20)
PIPELINES = (1, 16)
CONNECTIONS = 50
DATA_BYTES = 64 << 20  # Of all values; more than caches hold.
UNDER_WAY_BYTES = 64 << 20  # Of the requests or replies of all connections.
KEYS_MAX = 100_000
MEASURE = "cpu_us_per_request"


def name_of_size(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def with_best(result, names):
    """The result with one server more, "best": in each turn the least that `names` took."""
    turns = zip(*(by_name(result, name)["turns"] for name in names))
    best = [{MEASURE: min((turn[MEASURE] for turn in same if turn[MEASURE]), default=None)}
            for same in turns]
    return {"servers": result["servers"] + [{"name": "best", "turns": best}]}


def figures_of(row, title, result, others):
    figures = [ratio_figure(row, f"{title}: io_uring against epoll", result,
                            ["fastkv", "fastkv_epoll"], must=1.05, aim=1.0)]
    if others:
        result = with_best(result, [other.name for other in others])
        for name, loop in (("fastkv", "io_uring"), ("fastkv_epoll", "epoll")):
            figures.append(ratio_figure(row, f"{title}: {loop} against the best other", result,
                                        [name, "best"], must=1.0, aim=0.8))
    return figures


def value_sizes(context, row):
    """GET and SET of each size at each pipeline: our loops against each other, and others."""
    figures = []
    for size in SIZES:
        keys = max(64, min(KEYS_MAX, DATA_BYTES // size))
        with contextlib.ExitStack() as stack:
            servers = other_servers(context, stack)
            others = list(servers)
            for io, name in (("epoll", "fastkv_epoll"), ("uring", "fastkv")):
                servers.append(stack.enter_context(context.launcher.fastkv(io, name=name)))
            for server in servers:
                context.load.populate(server, keys, value_size=size)
            for pipeline in PIPELINES:
                connections = min(CONNECTIONS, max(2, UNDER_WAY_BYTES // (size * pipeline)))
                for word, share in (("GET", 1), ("SET", 0)):
                    label = f"{word} of {name_of_size(size)}, pipeline {pipeline}"
                    result = context.measure(
                        row, label, servers, "--connections", connections, "--pipeline", pipeline,
                        "--keys", keys, "--value-size", size, "--read-share", share,
                    )
                    figures += figures_of(row, f"CPU/request, {label}", result, others)
    return figures
