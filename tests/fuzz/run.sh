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

usage() {
    sed -n '2,/^$/s/^#   \(tests.*[^ ]\)   .*/usage: \1/p' "$0" >&2
    exit 2
}

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
here=$(dirname "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# run_target NAME: leaves what is to be printed in $work/NAME/result
run_target() {
    mkdir -p "$work/$1/corpus" "$work/$1/artifacts"
    began=$(date +%s)
    cp "$here/corpus/$1"/* "$work/$1/corpus/"
    if [ -n "$(ls "$work/$1/corpus")" ] && "$build/tests/fuzz/fuzz_$1" \
        "$limit" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$work/$1/artifacts/" "$work/$1/corpus" \
        >"$work/$1/log" 2>&1; then
        sed -n "s/^stat::number_of_executed_units: *\(.*\)/executions: \1 in $(($(date +%s) - began)) s/p" \
            "$work/$1/log" >&2
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

# targets(): the names to run, one a line
targets() {
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
        return
    fi
    for program in "$build"/tests/fuzz/fuzz_*; do
        [ -f "$program" ] && [ -x "$program" ] && echo "${program##*/fuzz_}"
    done
}

running=
for name in $(targets "$@"); do
    run_target "$name" &
    running="$running $name:$!"
    if [ "$(echo "$running" | wc -w)" -ge "${FUZZ_JOBS:-2}" ]; then
        first=${running# }
        first=${first%% *}
        finish "${first%:*}" "${first#*:}"
        running=${running#" $first"}
    fi
done
if [ -z "${name-}" ]; then
    echo "no fuzz targets in $build/tests/fuzz: set it up with CC=clang and -Dfuzz=true" >&2
    exit 1
fi
for one in $running; do
    finish "${one%:*}" "${one#*:}"
done
[ ! -e "$work/failed" ]
