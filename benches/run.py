#!/usr/bin/env python3
"""Times `cofferdam check` on generated platforms beside Checkov, and the simulator beside SimPy, in the same run.

Needs Rust, Python 3 with venv, a C compiler, and the network once for the peers. See docs/performance.md.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches" / "peers"))
sys.path.insert(0, str(ROOT / "benches"))
import checkov  # noqa: E402
import simpy  # noqa: E402  (our peers/simpy.py, which runs the library in its own interpreter)
import trees  # noqa: E402

SIZES = (100, 1_000, 10_000)
PEER_SIZE = 1_000


def measure(command, env=None):
    """Wall seconds, processor seconds and peak MiB of one run, including children of the command."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 1):
            errors.seek(0)
            sys.exit(f"{command[0]} ended with {child.returncode}:\n{errors.read().decode()}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20


def median(command, runs, env=None):
    """The medians of several runs, after one that warms the file cache."""
    measure(command, env)
    return tuple(statistics.median(column) for column in zip(*(measure(command, env) for _ in range(runs))))


def build():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    cargo = os.environ.get("CARGO", "cargo")
    common = [cargo, "build", "--release", "--locked", "--package", "cofferdam"]
    subprocess.run([*common, "--bin", "cofferdam", "--example", "generate"], cwd=ROOT, check=True)
    return target / "release" / "cofferdam", target / "release" / "examples" / "generate"


def row(what, manifests, figures):
    wall, processor, peak = figures
    print(f"| {what} | {manifests:,} | {wall:.3f} | {processor:.2f} | {peak:.0f} |", flush=True)


def check(args):
    """Time `cofferdam check`, and Checkov unless it is excluded."""
    cofferdam, generate = build()
    print("| what | manifests | wall s | processor s | peak MiB |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="cofferdam-bench-") as scratch:
        for size in SIZES:
            subprocess.run(
                [generate, "--manifests", str(size), "--seed", str(args.seed), Path(scratch) / str(size)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        # The trees are on disk before the measurement: writing them back is not part of a check.
        os.sync()
        for size in SIZES:
            tree = Path(scratch) / str(size)
            figures = median([cofferdam, "check", "--format", "json", tree], args.runs)
            row("cofferdam, `--format json`", size, figures)
        if args.no_peers:
            return
        tree = Path(scratch) / str(PEER_SIZE)
        # Checkov prints a compact text for people, and so does its counterpart here.
        counterpart = median([cofferdam, "check", "--quiet", tree], args.runs)
        row("cofferdam, `--quiet`", PEER_SIZE, counterpart)
        command = checkov.command(tree)
        runs = [measure(command, checkov.environment()) for _ in range(args.peer_runs)]
        peer = tuple(statistics.median(column) for column in zip(*runs))
        row(f"Checkov {checkov.VERSION}", PEER_SIZE, peer)
    wall, processor, peak = (theirs / mine for theirs, mine in zip(peer, counterpart))
    print(
        f"\nOn the same {PEER_SIZE:,} manifests Checkov takes {wall:,.0f} times the wall time,"
        f" {processor:,.0f} times the processor time and {peak:.1f} times the memory."
    )


def large(args):
    """Time `cofferdam check --quiet` on large trees, beside an earlier binary if one is given."""
    cofferdam, generate = build()
    print("| tree | wall s | processor s | peak MiB |\n|---|---|---|---|", flush=True)
    ten = ("10,000 manifests, one a file", None)
    for name, writes in (ten, *trees.TREES):
        with tempfile.TemporaryDirectory(prefix="cofferdam-bench-") as scratch:
            tree = Path(scratch) / "tree"
            if writes is None:
                command = [generate, "--manifests", "10000", "--seed", str(args.seed), tree]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            else:
                writes(tree)
            os.sync()
            binaries = [("", cofferdam)] + ([(" (earlier)", args.before)] if args.before else [])
            # In turn, so that other load on the machine is the same for both.
            runs = {which: [] for which, _ in binaries}
            for turn in range(args.runs + 1):
                for which, binary in binaries:
                    figures = measure([binary, "check", "--quiet", tree])
                    if turn > 0:
                        runs[which].append(figures)
            for which, all_runs in runs.items():
                wall, processor, peak = (statistics.median(column) for column in zip(*all_runs))
                print(f"| {name}{which} | {wall:.2f} | {processor:.2f} | {peak:,.0f} |", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=7, help="runs of cofferdam to take the median of")
    options.add_argument("--peer-runs", type=int, default=1, help="runs of Checkov, which takes minutes")
    options.add_argument("--no-peers", action="store_true", help="leave Checkov and SimPy out")
    options.add_argument("--only", choices=("check", "large", "simulator"), help="time one of the three")
    options.add_argument("--before", type=Path, help="an earlier binary to time in turn on the large trees")
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()
    print(f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, seed {args.seed}\n", flush=True)
    if args.only in (None, "check"):
        check(args)
    if args.only in (None, "large"):
        large(args)
    if args.only in (None, "simulator"):
        simpy.compare(args.seed, not args.no_peers)


if __name__ == "__main__":
    main()
