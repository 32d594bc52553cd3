#!/bin/sh
# All benchmarks, one after the other. usage: tests/bench/run.sh [SECONDS]
# Those of the proxy need wrk, haproxy and nginx (apt-get install wrk haproxy nginx). Timings on shared machines are
# noisy: compare within one run. Exits with 1 if a goal was missed.
set -eu
cd "$(dirname "$0")/../.."
status=0
mkdir -p bench-out
ninja -C build --quiet bench-backend bench-engine bench-forecast bench-metrics bench-property bench-reaction
build/bench-property || status=1
build/bench-engine --json bench-out/engine.json || status=1
tests/bench/reaction/run.py || status=1
build/bench-metrics || status=1
build/bench-forecast || status=1
for program in wrk haproxy nginx; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || {
        echo "weir: the proxy's benchmarks need $program: apt-get install wrk haproxy nginx" >&2
        exit 1
    }
done
tests/bench/invoke.py --seconds "${1:-10}"
tests/bench/proxy/run.py --seconds "${1:-5}"
exit $status
