#!/usr/bin/env bash
# Runs every fuzz target for SECONDS (default 60): fuzz/run.sh SECONDS [TARGET...]
# Needs `cargo install cargo-fuzz` and a C++ compiler. The stable toolchain is enough: RUSTC_BOOTSTRAP lets it take the
# sanitizer's flags, and nothing else here depends on them.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(yaml hcl properties python overlay platform edit trace)
export RUSTC_BOOTSTRAP=1

# The examples are the seeds: real files reach deeper than random data.
seed() { # target, then names that find(1) takes
    mkdir -p "corpus/$1"
    find ../examples ../crates/cofferdam/tests/sound -type f \( "${@:2}" \) -size -16k | while read -r file; do
        cp "$file" "corpus/$1/$(printf '%s' "$file" | cksum | cut -d' ' -f1)"
    done
}
seed yaml -name '*.yaml' -o -name '*.yml'
seed hcl -name '*.tf'
seed properties -name '*.properties' -o -name '*.ini' -o -name '.env*'
seed python -name '*.py'
seed overlay -name 'cofferdam.yaml'
seed platform -name '*.yaml' -o -name '*.tf' -o -name '*.py'
# The first byte of an edit is its format, in the order of `Format::ALL`; the next three choose place and edits.
seed_edit() { # format's number, then names that find(1) takes
    mkdir -p corpus/edit
    find ../examples -type f \( "${@:2}" \) -size -8k | while read -r file; do
        { printf "\\x0$1\\x05\\x00\\x09"; cat "$file"; } > "corpus/edit/$1-$(printf '%s' "$file" | cksum | cut -d' ' -f1)"
    done
}
seed_edit 0 -name '*.yaml' -o -name '*.yml'
seed_edit 2 -name '*.tf' -o -name '*.tfvars'
seed_edit 4 -name '*.properties'
seed_edit 6 -name '.env*'
seed_edit 7 -name '*.py'
for format in 1 3 5; do
    printf "\\x0$format\\x01\\x00\\x09%s" '{"a": [1, {"b": null}]}' > "corpus/edit/$format-json"
    printf "\\x0$format\\x01\\x00\\x09%s" $'[a]\nb = 1 # c\n[a.c]\nd = ["x"]\n' > "corpus/edit/$format-sections"
done
# Steps are fuzzed line by line, and the whole file as it is.
mkdir -p corpus/trace
cp ../crates/policy/tests/data/trace-1.jsonl corpus/trace/whole
grep '"steps":{' ../crates/policy/tests/data/trace-1.jsonl | split -l 1 - corpus/trace/steps-

cargo fuzz build
for target in "${targets[@]}"; do
    echo "== $target: $seconds s"
    cargo fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -max_len=16384 \
        -print_final_stats=1 2>&1 | grep -vE '^(#[0-9]|\s*NEW_FUNC)' | tail -25
done
