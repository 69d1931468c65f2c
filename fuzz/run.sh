#!/usr/bin/env bash
# Runs every fuzz target for so many seconds (60 unless told): fuzz/run.sh SECONDS [TARGET...]
# Needs `cargo install cargo-fuzz` and a C++ compiler. The stable toolchain is enough: RUSTC_BOOTSTRAP lets it take the
# sanitizer's flags, and nothing else here depends on them.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(yaml hcl properties python overlay platform)
export RUSTC_BOOTSTRAP=1

# The examples are the seeds: real files reach deeper than noise does.
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

cargo fuzz build
for target in "${targets[@]}"; do
    echo "== $target: $seconds s"
    cargo fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -max_len=16384 \
        -print_final_stats=1 2>&1 | grep -vE '^(#[0-9]|\s*NEW_FUNC)' | tail -25
done
