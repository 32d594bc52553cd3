#!/bin/sh
# Runs every fuzz target on its corpus, two at a time: tests/fuzz/run.sh SECONDS_PER_TARGET BUILD_DIR
#
# Prints `fuzz/NAME ok` for each, or `fuzz/NAME FAILED`, the end of its output and the input that failed.
# Corpora are copied to a temporary folder first, so that nothing in the tree changes. To add a finding
# to a corpus, or to try a failing input again: BUILD_DIR/tests/fuzz/fuzz_NAME FILE
set -u

if [ $# -ne 2 ]; then
    echo "usage: tests/fuzz/run.sh SECONDS_PER_TARGET BUILD_DIR" >&2
    exit 2
fi
seconds=$1
build=$2
here=$(dirname "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# run_target NAME: leaves what is to be printed in $work/NAME/result
run_target() {
    mkdir -p "$work/$1/corpus" "$work/$1/artifacts"
    cp "$here/corpus/$1"/* "$work/$1/corpus/"
    if [ -n "$(ls "$work/$1/corpus")" ] && "$build/tests/fuzz/fuzz_$1" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$work/$1/artifacts/" "$work/$1/corpus" \
        >"$work/$1/log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */executions: /p' "$work/$1/log" >&2
        echo "fuzz/$1 ok"
    else
        touch "$work/failed"
        echo "fuzz/$1 FAILED"
        tail -n 60 "$work/$1/log"
        for artifact in "$work/$1/artifacts"/*; do
            [ -f "$artifact" ] && echo "input (base64): $(base64 -w0 "$artifact")"
        done
    fi >"$work/$1/result" 2>"$work/$1/statistics"
}

# finish NAME PID: waits for a target and prints its result
finish() {
    wait "$2"
    cat "$work/$1/result"
    sed "s|^|fuzz/$1 |" "$work/$1/statistics" >&2
}

before_name=
for program in "$build"/tests/fuzz/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    run_target "$name" &
    [ -n "$before_name" ] && finish "$before_name" "$before_process"
    before_name=$name
    before_process=$!
done
if [ -z "$before_name" ]; then
    echo "no fuzz targets in $build/tests/fuzz: set it up with CC=clang and -Dfuzz=true" >&2
    exit 1
fi
finish "$before_name" "$before_process"
[ ! -e "$work/failed" ]
