#!/bin/sh
# Runs every fuzz target on its corpus: tests/fuzz/run.sh SECONDS_PER_TARGET BUILD_DIR
#
# Prints `fuzz/NAME ok` for each, or its output, the input that failed and `fuzz/NAME FAILED`.
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
failed=0
found=0

for program in "$build"/tests/fuzz/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    found=1
    name=${program##*/fuzz_}
    mkdir -p "$work/$name/corpus" "$work/$name/artifacts"
    cp "$here/corpus/$name"/* "$work/$name/corpus/" || exit 1
    if ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$work/$name/artifacts/" "$work/$name/corpus" \
        >"$work/$name/log" 2>&1; then
        echo "fuzz/$name ok"
    else
        failed=1
        tail -n 60 "$work/$name/log"
        for artifact in "$work/$name/artifacts"/*; do
            [ -f "$artifact" ] && echo "input (base64): $(base64 -w0 "$artifact")"
        done
        echo "fuzz/$name FAILED"
    fi
done

if [ "$found" -eq 0 ]; then
    echo "no fuzz targets in $build/tests/fuzz: set it up with CC=clang and -Dfuzz=true" >&2
    exit 1
fi
exit "$failed"
