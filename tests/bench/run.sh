#!/bin/sh
# All benchmarks, one after the other. usage: tests/bench/run.sh [SECONDS]
# Needs wrk, haproxy and nginx (apt-get install wrk haproxy nginx). Timings on shared machines are noisy: compare within
# one run.
set -eu
cd "$(dirname "$0")/../.."
for program in wrk haproxy nginx; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || {
        echo "weir: benchmarks need $program: apt-get install wrk haproxy nginx" >&2
        exit 1
    }
done
ninja -C build --quiet bench-backend bench-forecast bench-metrics bench-reaction
build/bench-metrics
build/bench-forecast
tests/bench/reaction/run.py
tests/bench/invoke.py --seconds "${1:-10}"
exec tests/bench/proxy/run.py --seconds "${1:-5}"
