#!/bin/sh
# All benchmarks, one after the other. usage: tests/bench/run.sh [SECONDS]
# The proxy's need wrk, haproxy and nginx (apt-get install wrk haproxy nginx). Timings on shared machines are noisy: compare within
# one run.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p bench-out
ninja -C build --quiet bench-backend bench-metrics bench-engine bench-property
build/bench-property
build/bench-metrics
build/bench-engine --json bench-out/engine.json
for program in wrk haproxy nginx; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || {
        echo "weir: the proxy's benchmarks need $program: apt-get install wrk haproxy nginx" >&2
        exit 1
    }
done
tests/bench/invoke.py --seconds "${1:-10}"
exec tests/bench/proxy/run.py --seconds "${1:-5}"
