"""What was measured, as a table for people and as JSON."""
import dataclasses
import math
import os
import platform
import subprocess
import time


@dataclasses.dataclass
class Figure:
    """One line of the table. `must` and `aim` are bounds in the figure's own unit."""

    row: str
    title: str
    value: float | None
    unit: str = "x"
    must: float | None = None
    aim: float | None = None
    more_is_better: bool = False
    spread: tuple | None = None  # Quartiles.
    beside: str = ""  # What another server had, or why there is no figure.

    def meets(self, bound):
        if self.value is None or bound is None:
            return None
        return self.value >= bound if self.more_is_better else self.value <= bound

    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.must is None:
            return ""
        if not self.meets(self.must):
            return "**missed**"
        return "aim met" if self.meets(self.aim) else "met"

    def measured(self):
        if self.value is None:
            return "-"
        text = number(self.value, self.unit)
        if self.spread:
            text += f" ({number(self.spread[0], '')}-{number(self.spread[1], '')})"
        return text

    def bound(self, value):
        if value is None:
            return ""
        return (">= " if self.more_is_better else "<= ") + number(value, self.unit)


def number(value, unit):
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    text = f"{value:.{digits}f}"
    if "." in text and unit != "x":
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def unavailable(row, title, reason, must=None):
    return Figure(row, title, None, must=must, beside=reason)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not found"
    return (done.stdout or done.stderr).strip().split("\n")[0]


def describe_machine(build):
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        models = [line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        memory_kib = int(meminfo.readline().split()[1])
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "compiler": first_line(os.environ.get("CC", "cc"), "--version"),
        "fastkv": first_line(os.path.join(build, "fastkv"), "--version"),
        "redis": first_line("redis-server", "--version"),
        "date": time.strftime("%Y-%m-%d"),
        "load_average": os.getloadavg()[0],
    }


def table(figures, machine, is_quick):
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"Linux {machine['kernel']}; {machine['compiler']}; {machine['date']}.",
        "Server on one core, load on another, in turns; medians of the turns' ratios (quartiles).",
        "Quick run: short turns, and large numbers of keys are a tenth of what is said." * is_quick,
        "",
        "| | measured | must | aim | | beside it |",
        "|---|---|---|---|---|---|",
    ]
    for figure in figures:
        lines.append(
            f"| {figure.title} | {figure.measured()} | {figure.bound(figure.must)} "
            f"| {figure.bound(figure.aim)} | {figure.verdict()} | {figure.beside} |"
        )
    return "\n".join(lines) + "\n"


def as_json(figures, machine, raw):
    rows = []
    for figure in figures:
        row = dataclasses.asdict(figure)
        row["met"] = figure.meets(figure.must)
        row["aim_met"] = figure.meets(figure.aim)
        if figure.value is not None and not math.isfinite(figure.value):
            row["value"] = None  # JSON has no infinity; `met` tells.
        rows.append(row)
    return {"machine": machine, "figures": rows, "raw": raw}
