"""Calls of fastkv-bench and what follows from its JSON."""
import json
import os
import statistics
import subprocess

from comparison.servers import on_core


class Load:
    """fastkv-bench on its core."""

    def __init__(self, program, core):
        self.program = program
        self.core = core

    def start(self, servers, *options, nice=0):
        command = [self.program, "--json"]
        for server in servers:
            command += ["--server", server.spec()]
        command += [str(option) for option in options]
        pin = on_core(self.core)

        def prepare():
            if pin:
                pin()
            os.nice(nice)

        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )

    def finish(self, process):
        out, errors = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(errors.strip() or f"{self.program} failed")
        return json.loads(out) if out else None

    def run(self, servers, *options):
        return self.finish(self.start(servers, *options))

    def populate(self, server, keys, command=None, value_size=None):
        options = ["--keys", keys, "--duration", 0]
        options += ["--value-size", value_size] if value_size else []
        options += ["--populate-command", command] if command else ["--populate"]
        self.run([server], *options)

    def request_bytes(self, *options):
        """The size of the requests that a floor would get."""
        command = [self.program, "--request-bytes"] + [str(option) for option in options]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def by_name(result, name):
    return next(server for server in result["servers"] if server["name"] == name)


def all_turns(results):
    """One result with the turns of several runs over the same servers."""
    servers = []
    for server in results[0]["servers"]:
        runs = [by_name(result, server["name"]) for result in results]
        servers.append({"name": server["name"], "turns": sum((run["turns"] for run in runs), [])})
    return {"servers": servers}


def turn_ratio(result, name, base, measure):
    """Median and quartiles over the turns of `name` against the turns of `base`."""
    ratios = [
        mine[measure] / theirs[measure]
        for mine, theirs in zip(by_name(result, name)["turns"], by_name(result, base)["turns"])
        if mine[measure] is not None and theirs[measure]
    ]
    if not ratios:
        return None
    if len(ratios) == 1:
        return (ratios[0],) * 3
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return statistics.median(ratios), low, high
