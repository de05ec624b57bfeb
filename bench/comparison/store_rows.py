"""Rows without a network: another program drives the store and prints the figure.

Each line of the table names the program, its arguments, and the bounds. The
program's last line of output is the figure, a plain number in the row's unit.
"""
import dataclasses
import subprocess

from comparison.report import Figure


@dataclasses.dataclass(frozen=True)
class StoreFigure:
    title: str
    command: tuple  # Program below the build folder, then its arguments.
    unit: str
    must: float
    aim: float
    more_is_better: bool = False


STORE = "bench/bench_store"

SCALING = [
    StoreFigure(
        f"store, {operation}, {millions} M keys, 2 threads against 1",
        (STORE, "scaling", "--threads", "2", "--against", "1", "--operation", operation,
         "--keys", str(millions * 1_000_000)),
        "x", 1.7, 1.95, True,
    )
    for operation in ("get", "set")
    for millions in (1, 10)
]

CROWDED = [
    StoreFigure(
        f"store, {operation}, {millions} M keys, 8 threads on 2 cores against 2",
        (STORE, "scaling", "--threads", "8", "--against", "2", "--operation", operation,
         "--keys", str(millions * 1_000_000)),
        "x", 0.9, 1.0, True,
    )
    for operation in ("get", "set")
    for millions in (1, 10)
]

GROWTH = [
    StoreFigure(
        "growth from 0 to 20 M keys: longest single insert",
        (STORE, "growth", "--keys", "20000000", "--figure", "longest-insert-ms"), "ms", 1, 0.2,
    ),
    StoreFigure(
        "growth from 0 to 20 M keys: peak memory against final",
        (STORE, "growth", "--keys", "20000000", "--figure", "peak-memory"), "x", 1.15, 1.05,
    ),
]


def run_store_figures(context, row, wanted):
    figures = []
    for figure in wanted:
        program = context.launcher.program(figure.command[0])
        done = subprocess.run(
            [program, *figure.command[1:]], capture_output=True, text=True, check=False
        )
        lines = done.stdout.split()
        if done.returncode != 0 or not lines:
            raise RuntimeError(f"{' '.join(figure.command)}: {done.stderr.strip()}")
        figures.append(
            Figure(row, figure.title, float(lines[-1]), figure.unit, figure.must, figure.aim,
                   figure.more_is_better)
        )
    return figures


def scaling(context, row):
    return run_store_figures(context, row, SCALING)


def crowded(context, row):
    return run_store_figures(context, row, CROWDED)


def growth(context, row):
    return run_store_figures(context, row, GROWTH)
