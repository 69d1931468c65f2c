"""The simulator's textbook models in SimPy, the way its own documentation writes them, timed beside ours.

Run by benches/run.py. Alone, `python3 benches/peers/simpy.py MODEL CUSTOMERS SEED` runs one model inside the virtual
environment that `install` makes, and must be given `-I`: the name of this file is the library's.
"""

import os
import random
import subprocess
import sys
import time
import venv
from pathlib import Path

VERSION = "4.1.2"
ROOT = Path(__file__).resolve().parent.parent.parent
VENV = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "simpy-venv"
CUSTOMERS = 200_000

# Name: stations in a row, servers of each, mean service time, arrivals a second. As in benches/engine.rs.
MODELS = {
    "mm1": (1, 1, 1.0, 0.8),
    "mm50": (1, 50, 1.0, 45.0),
    "chain": (3, 120, 0.008, 12_000.0),
}


def install() -> Path:
    """The interpreter of an environment with SimPy of VERSION, created first if it is missing."""
    marker = VENV / f"simpy-{VERSION}"
    if not marker.exists():
        print(f"installing SimPy {VERSION} into {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run(
            [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", f"simpy=={VERSION}"], check=True
        )
        marker.touch()
    return VENV / "bin" / "python"


def theirs(model: str, seed: int) -> tuple[int, int, float]:
    """Customers, events and seconds of SimPy for a model."""
    command = [str(install()), "-I", __file__, model, str(CUSTOMERS), str(seed)]
    came, events, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(came), int(events), float(seconds)


def ours() -> dict[str, tuple[int, int, float]]:
    """Customers, events and seconds of our simulator for every model."""
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "bench", "--quiet", "--locked", "--package", "cofferdam-simulate", "--bench", "engine"]
    lines = subprocess.run([*command, "--", "--rates"], cwd=ROOT, check=True, capture_output=True, text=True)
    found = {}
    for line in lines.stdout.splitlines():
        name, came, events, seconds = line.split()
        found[name] = int(came), int(events), float(seconds)
    return found


def compare(seed: int, peers: bool) -> None:
    """Print the rates of both, and their ratio, as a table."""
    print("\n| model | customers | seconds | million events/s | SimPy: million events/s | times SimPy |")
    print("|---|---|---|---|---|---|", flush=True)
    for model, (came, events, seconds) in ours().items():
        line = f"| {model} | {came:,} | {seconds:.2f} | {events / seconds / 1e6:.1f} |"
        if peers:
            their_came, their_events, their_seconds = theirs(model, seed)
            ratio = (came / seconds) / (their_came / their_seconds)
            line += f" {their_events / their_seconds / 1e6:.2f} | {ratio:.0f} |"
        else:
            line += " | |"
        print(line, flush=True)


def run(model: str, customers: int, seed: int) -> None:
    """Simulate one model in this process and print customers, events and seconds."""
    import simpy

    stations, servers, service, rate = MODELS[model]
    chance = random.Random(seed)
    env = simpy.Environment()
    resources = [simpy.Resource(env, capacity=servers) for _ in range(stations)]
    came = 0
    waits = 0.0

    def customer():
        nonlocal waits
        for resource in resources:
            arrived = env.now
            with resource.request() as request:
                yield request
                waits += env.now - arrived
                yield env.timeout(chance.expovariate(1.0 / service))

    def source():
        nonlocal came
        while True:
            yield env.timeout(chance.expovariate(rate))
            came += 1
            env.process(customer())

    env.process(source())
    start = time.perf_counter()
    env.run(until=customers / rate)
    seconds = time.perf_counter() - start
    # The counter that numbers scheduled events: nearly all of them have been handled.
    events = next(env._eid)
    print(came, events, f"{seconds:.3f}")
    print(f"mean wait {waits / came:.4f} s", file=sys.stderr)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
