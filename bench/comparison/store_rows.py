"""Rows without a network: another program drives the store and prints figures.

The program prints one "name value" pair per line. Each line of the table below
says which figure of which run is wanted, and its bounds; runs that several
figures come from are made once.
"""
import dataclasses
import subprocess

from comparison.report import Figure

STORE = "bench/bench_store"


@dataclasses.dataclass(frozen=True)
class StoreFigure:
    title: str
    command: tuple  # Program below the build folder, then its arguments.
    figure: str  # The name that the program prints before the value.
    unit: str
    must: float | None
    aim: float | None
    more_is_better: bool = False
    scale: float = 1  # From the program's unit to the row's.


def thread_figures(figure, title, must, aim):
    return [
        StoreFigure(
            f"store, {verb.upper()}, {millions} M keys: {title}",
            (STORE, "scale", "--keys", str(millions * 1_000_000)),
            f"{verb}_{figure}", "x", must, aim, more_is_better=True,
        )
        for millions in (1, 10)
        for verb in ("get", "set")
    ]


GROWTH = (STORE, "growth", "--keys", "20000000")

SCALING = thread_figures("2_to_1_threads", "2 threads against 1", 1.7, 1.95)
CROWDED = thread_figures("8_to_2_threads", "8 threads on 2 cores against 2", 0.9, 1.0)
GROWING = [
    StoreFigure("growth from 0 to 20 M keys: longest single insert of 3 runs", GROWTH,
                "longest_insert_us", "ms", 1, 0.2, scale=0.001),
    StoreFigure("growth from 0 to 20 M keys: longest single insert in each of 3 equal runs",
                GROWTH, "longest_insert_in_every_run_us", "ms", None, None, scale=0.001),
    StoreFigure("random touches of 2,000 MiB, without the store, in as much time: longest", GROWTH,
                "longest_touch_us", "ms", None, None, scale=0.001),
    StoreFigure("growth from 0 to 20 M keys: longest wait for memory, not part of an insert",
                GROWTH, "longest_wait_us", "ms", None, None, scale=0.001),
    StoreFigure("growth from 0 to 20 M keys: peak memory against final", GROWTH, "peak_to_final",
                "x", 1.15, 1.05),
]


def run_once(context, command):
    """The figures a program prints; kept, so that two rows share one run."""
    if command not in context.store_runs:
        program = context.launcher.program(command[0])
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        pairs = (line.split() for line in done.stdout.splitlines())
        context.store_runs[command] = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
        context.raw[" ".join(command)] = context.store_runs[command]
    return context.store_runs[command]


def run_store_figures(context, row, wanted):
    figures = []
    for figure in wanted:
        found = run_once(context, figure.command)
        if figure.figure not in found:
            raise RuntimeError(f"{' '.join(figure.command)} does not print {figure.figure}")
        figures.append(
            Figure(row, figure.title, float(found[figure.figure]) * figure.scale, figure.unit,
                   figure.must, figure.aim, figure.more_is_better)
        )
    return figures


def scaling(context, row):
    return run_store_figures(context, row, SCALING)


def crowded(context, row):
    return run_store_figures(context, row, CROWDED)


def growth(context, row):
    return run_store_figures(context, row, GROWING)
