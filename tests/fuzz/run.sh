#!/bin/sh
# Runs fuzz targets, each from its corpus:
#
#   tests/fuzz/run.sh SECONDS BUILD_DIR [NAME...]        so long each
#   tests/fuzz/run.sh --runs COUNT BUILD_DIR [NAME...]   so many executions each
#
# All targets if none is named, two at a time ($FUZZ_JOBS). Prints `fuzz/NAME ok` for each, or `fuzz/NAME FAILED`,
# the end of its output and the input that failed; how many executions it were, in how many seconds, goes to stderr.
# Corpora are copied to a temporary folder first, so that nothing in the tree changes. To add a finding to a corpus,
# or to try a failing input again: BUILD_DIR/tests/fuzz/fuzz_NAME FILE
set -u
here=$(dirname "$0")
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

usage() {
    sed -n '2,/^$/s/^#   \(tests.*[^ ]\)   .*/usage: \1/p' "$0" >&2
    exit 2
}

# run_target NAME LIMIT BUILD_DIR WORK_DIR
run_target() {
    work=$4/$1
    mkdir -p "$work/corpus" "$work/artifacts"
    began=$(date +%s)
    cp "$here/corpus/$1"/* "$work/corpus/"
    if [ -n "$(ls "$work/corpus")" ] && "$3/tests/fuzz/fuzz_$1" \
        "$2" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$work/artifacts/" "$work/corpus" \
        >"$work/log" 2>&1; then
        took=$(($(date +%s) - began))
        sed -n "s|^stat::number_of_executed_units: *|fuzz/$1 executions in $took s: |p" "$work/log" >&2
        echo "fuzz/$1 ok"
        return 0
    fi
    {
        echo "fuzz/$1 FAILED"
        tail -n 60 "$work/log"
        for artifact in "$work/artifacts"/*; do
            [ -f "$artifact" ] && echo "input (base64): $(base64 -w0 "$artifact")"
        done
    } >"$work/result"
    cat "$work/result" # at once, not mixed with another's
    return 1
}

if [ "${1-}" = --target ]; then # as this script calls itself, below
    run_target "$5" "$2" "$3" "$4"
    exit
fi
if [ "${1-}" = --runs ]; then
    [ $# -ge 3 ] || usage
    limit=-runs=$2
    shift 2
else
    [ $# -ge 2 ] || usage
    limit=-max_total_time=$1
    shift
fi
build=$1
shift
if [ $# -eq 0 ]; then
    for program in "$build"/tests/fuzz/fuzz_*; do
        [ -f "$program" ] && [ -x "$program" ] && set -- "$@" "${program##*/fuzz_}"
    done
fi
if [ $# -eq 0 ]; then
    echo "no fuzz targets in $build/tests/fuzz: set it up with CC=clang and -Dfuzz=true" >&2
    exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-2}" -n 1 "$0" --target "$limit" "$build" "$work"
