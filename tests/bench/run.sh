#!/bin/sh
# All benchmarks, one after the other. usage: tests/bench/run.sh [SECONDS]
# Needs wrk (apt-get install wrk). Timings on shared machines are noisy: compare within one run.
set -eu
cd "$(dirname "$0")/../.."
command -v wrk >/dev/null || {
    echo "weir: benchmarks need wrk: apt-get install wrk" >&2
    exit 1
}
exec tests/bench/invoke.py --seconds "${1:-10}"
