"""suites.py - run suites one after the other, log each, and count what passed and failed.

A suite is a function that gets a Log and returns a Count. What it runs prints to its log;
the terminal shows one line per suite, the ends of logs of failed ones, and at last the line
`N passed, N failed` that tools/test, tools/check and .ci/run share.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
COUNT_LINE = re.compile(r"(\d+) passed, (\d+) failed")
LOG_TAIL_LINES = 40


class Count(NamedTuple):
    passed: int
    failed: int

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed)


class Log:
    """The log file of one suite, in build/logs/."""

    def __init__(self, name):
        folder = ROOT / "build" / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".log")
        self.file = open(self.path, "w+", encoding="utf-8", errors="replace")
        self.note = ""  # Shown beside the counts.

    def write(self, text):
        self.file.write(text + "\n")
        self.file.flush()

    def run(self, command, timeout_s=1800, **environment):
        """Run a command from the root of the repository; its exit status and output."""
        self.write("$ " + " ".join(f"{k}={v}" for k, v in environment.items())
                   + " " + " ".join(map(str, command)))
        begin = self.file.seek(0, os.SEEK_END)
        try:
            status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.file,
                                    stderr=subprocess.STDOUT, timeout=timeout_s,
                                    env={**os.environ, **environment}).returncode
        except subprocess.TimeoutExpired:
            self.write(f"{command[0]}: killed after {timeout_s} s")
            status = 124
        except OSError as error:
            self.write(f"{command[0]}: {error.strerror}")
            status = 127
        self.file.seek(begin)
        output = self.file.read()
        self.file.seek(0, os.SEEK_END)
        return status, output

    def tail(self):
        self.file.seek(0)
        return self.file.read().splitlines()[-LOG_TAIL_LINES:]


def files(*patterns):
    """The repository's files, committed or to be; of a tree without git, all but builds."""
    # A checkout that belongs to another user is only read here.
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached",
                              "--others", "--exclude-standard", "--", *patterns],
                             cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listing.returncode == 0:
        names = [Path(name) for name in listing.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*")
                 if not patterns or any(path.match(pattern) for pattern in patterns)]
        names = [name for name in names if not name.parts[0].startswith(("build", ".git"))]
    return sorted(name for name in names if (ROOT / name).is_file())


def check(log, command, **environment):
    """A command that passes or fails as a whole."""
    status, _ = log.run(command, **environment)
    return Count(1, 0) if status == 0 else Count(0, 1)


def counted(log, command, **environment):
    """A command that ends with `N passed, N failed`."""
    status, output = log.run(command, **environment)
    found = COUNT_LINE.findall(output)
    count = Count(*map(int, found[-1])) if found else Count(0, 0)
    if (status != 0 or count.passed == 0) and count.failed == 0:
        log.write(f"exit status {status}, but no failure was counted")
        count += Count(0, 1)
    return count


def configure(log, folder, options, compiler="cc"):
    """Make or update a build directory. False when Meson refuses."""
    options = ["-Dtests=enabled", *options]
    # A compiler launcher such as ccache in CC stays in use for the plain build alone.
    environment = {} if compiler == "cc" else {"CC": compiler}
    if (ROOT / folder / "build.ninja").exists():
        status, _ = log.run(["meson", "configure", folder, *options], **environment)
    else:
        status, _ = log.run(["meson", "setup", folder, *options], **environment)
    return status == 0


def build(log, folder, targets=()):
    status, _ = log.run(["ninja", "-C", folder, *targets])
    return status == 0


def meson_tests(log, folder, arguments=(), **environment):
    """Build and run the tests of a build directory, and count their assertions' functions."""
    report = ROOT / folder / "meson-logs" / "testlog.junit.xml"
    report.unlink(missing_ok=True)
    status, _ = log.run(["meson", "test", "-C", folder, "--print-errorlogs", *arguments],
                        **environment)
    count = Count(0, 0)
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("skipped") is None:
                bad = case.find("failure") is not None or case.find("error") is not None
                count += Count(0, 1) if bad else Count(1, 0)
    if (status != 0 or count.passed == 0) and count.failed == 0:
        log.write(f"meson test: exit status {status}, but no failure was counted")
        count += Count(0, 1)
    return count


def run(suites, wanted):
    """Run [(name, function)], those named in `wanted` or all; the process's exit status."""
    if wanted == ["--list"]:
        print("\n".join(name for name, _ in suites))
        return 0
    unknown = set(wanted) - {name for name, _ in suites}
    if unknown:
        print(f"no suite {', '.join(sorted(unknown))}; --list shows them", file=sys.stderr)
        return 1
    total = Count(0, 0)
    for name, suite in suites:
        if wanted and name not in wanted:
            continue
        started = time.monotonic()
        log = Log(name)
        try:
            count = suite(log)
        except Exception as error:  # A suite that breaks is a failure, not the end of the others.
            log.write(f"{type(error).__name__}: {error}")
            count = Count(0, 1)
        total += count
        print(f"{name:<24} {count.passed:5} passed, {count.failed} failed"
              f" {time.monotonic() - started:7.1f} s {log.note}", flush=True)
        if count.failed > 0:
            print("\n".join("    " + line for line in log.tail()))
            print(f"    -- the whole log: {log.path.relative_to(ROOT)}", flush=True)
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.failed == 0 and total.passed > 0 else 1
