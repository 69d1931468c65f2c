#!/usr/bin/env bash
# Seconds of one core that each dependency of the command costs to build, cold, most expensive first, and
# the cost of the whole build. Builds into a temporary directory; the sources are fetched beforehand, so
# that no download is counted.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
cargo=${CARGO:-cargo}
"$cargo" fetch --locked --quiet
start=$(date +%s)
"$cargo" build --release --locked --quiet --timings --target-dir "$target" >/dev/null
end=$(date +%s)
python3 - "$target/cargo-timings/cargo-timing.html" "$((end - start))" <<'PYTHON'
import collections
import json
import re
import sys

page = open(sys.argv[1], encoding="utf-8").read()
units = json.loads(re.search(r"const UNIT_DATA = (\[.*?^\]);\n", page, re.S | re.M).group(1))
cost = collections.Counter()
for unit in units:
    cost[f"{unit['name']} {unit['version']}"] += unit["duration"]
print("seconds  crate")
for name, seconds in cost.most_common():
    if seconds >= 0.5:
        print(f"{seconds:7.1f}  {name}")
print(f"{sum(cost.values()):7.1f}  all {len(cost)} crates; {sys.argv[2]} s by the clock")
PYTHON
