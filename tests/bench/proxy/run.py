#!/usr/bin/env python3
"""weir as a plain load balancer beside HAProxy and nginx: what a request costs in each of them.

In each case all programs stand in front of the same four backends and take turns, round by round, so that what the
machine does meanwhile meets all of them alike; medians are printed. Each proxy is one thread, pinned to the first core;
the load and the backends share the second. CPU time is the proxy's own, from /proc/PID/schedstat; system calls are
counted by strace in a short run of their own. Writes bench-out/proxy.json: {case: {program: {cpu_us, rps, p50_us,
p99_us, p999_us, syscalls, rss_bytes}}}; what a case does not measure is null.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from peers import BUILD, LOAD_CORE, ROOT, Backends, Proxy, make_certificate, on_core, program_path

KEYS = ("cpu_us", "rps", "p50_us", "p99_us", "p999_us", "syscalls", "rss_bytes")


@dataclass
class Case:
    about: str
    programs: tuple
    path: str = "/128"
    body: int = 128          # bytes; 0: GET
    connections: int = 64
    idle: int = 0            # connections that are kept beside those
    tls: bool = False
    arrivals: object = None  # open loop: seconds -> instants of the requests
    cap: int = 0             # requests in flight per target
    backends: tuple = ()     # options of the backend
    # (program, key, share, [of which others]): program's value shall be at most share of the others' best
    goals: list = field(default_factory=list)


def evenly(rate: float):
    return lambda seconds: [i / rate for i in range(int(seconds * rate))]


def in_bursts(rate: float, factor: float, burst_s: float):
    """Poisson arrivals at rate, and for the first burst_s of each second at factor times that."""
    def arrivals(seconds: float) -> list:
        chance, now, instants = random.Random(1), 0.0, []
        while now < seconds:
            now += chance.expovariate(rate * (factor if now % 1 < burst_s else 1))
            instants.append(now)
        return instants
    return arrivals


PEERS = ("haproxy", "nginx")
SLOW = ("--service-us", "60000,6000,6000,6000", "--slots", "4")
CASES = {
    "a": Case("128 B POST, 128 B answer, 64 connections", ("weir", "weir-epoll", "weir-unix", *PEERS),
              goals=[("weir", "cpu_us", 0.75, PEERS), ("weir-unix", "cpu_us", 0.5, PEERS)]),
    "a1": Case("a, but one connection", ("weir", *PEERS), connections=1, goals=[("weir", "p50_us", 1, PEERS)]),
    "b": Case("16 KiB POST, 1 KiB answer", ("weir", *PEERS), "/1024", 16 << 10,
              goals=[("weir", "cpu_us", 0.6, PEERS)]),
    "c": Case("1 MiB POST, 1 KiB answer", ("weir", "haproxy", "haproxy-splice", "nginx"), "/1024", 1 << 20,
              goals=[("weir", "cpu_us", 0.5, PEERS), ("weir", "cpu_us", 1, ("haproxy-splice",))]),
    # HAProxy as it is holds chunks back, and so has fewer to send: see "chunks"
    "d": Case("answer in 100 chunks of 64 B, one each 2 ms", ("weir", "haproxy", "haproxy-no-delay", "nginx"),
              "/stream/100/64/2000", 0, goals=[("weir", "cpu_us", 1, ("haproxy-no-delay", "nginx"))]),
    "chunks": Case("from one chunk to the next, of 50, one each 20 ms",
                   ("weir", "haproxy", "haproxy-no-delay", "nginx"), "/stream/50/64/20000", 0),
    "e": Case("a over TLS 1.3", ("weir", *PEERS), tls=True, goals=[("weir", "cpu_us", 0.8, PEERS)]),
    "f": Case("a beside 1000 idle connections", ("weir", *PEERS), idle=1000,
              goals=[("weir", "cpu_us", 0.75, PEERS)]),
    "slow": Case("one of four targets 10 times slower, open loop, 1000/s", ("weir", *PEERS), backends=SLOW,
                 arrivals=evenly(1000), goals=[("weir", "p99_us", 0.4, PEERS)]),
    "queue": Case("4 in flight per target, bursts of 5 times the rate", ("weir", *PEERS), cap=4,
                  backends=("--service-us", "10000", "--slots", "4"), arrivals=in_bursts(400, 5, 0.2),
                  goals=[("weir", "p99_us", 1, PEERS)]),
}
IDLE_CASES = {"idle": ("memory of an idle connection", False, 256), "idle-tls": ("the same over TLS", True, 6 << 10)}
IDLE_CONNECTIONS = 2000


# --- connections that wait ---------------------------------------------------------------------------------------------

def ask(s: socket.socket) -> None:
    s.sendall(b"GET /1 HTTP/1.1\r\nHost: bench\r\n\r\n")
    assert s.recv(4096).startswith(b"HTTP/1.1 200"), "a connection was not served"


def idle_connections(proxy: Proxy, count: int, tls: bool = False) -> list:
    """Connections that have been served once, and are kept."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", proxy.tls_port if tls else proxy.port), timeout=10)
        s = context.wrap_socket(s) if tls else s
        ask(s)
        sockets.append(s)
    return sockets


def measure_idle(proxy: Proxy, tls: bool) -> dict:
    first = idle_connections(proxy, 10, tls)
    for s in 200 * first:
        ask(s)
    time.sleep(2)  # what is made once is there now, counters for what is reported every second too
    before = proxy.rss_bytes()
    kept = idle_connections(proxy, IDLE_CONNECTIONS, tls)
    time.sleep(1)  # buffers may be given back a little later
    grown = proxy.rss_bytes() - before
    for s in first + kept:
        s.close()
    return {**dict.fromkeys(KEYS), "rss_bytes": max(grown, 0) / IDLE_CONNECTIONS}


# --- loads -------------------------------------------------------------------------------------------------------------

def wrk(proxy: Proxy, case: Case, folder: pathlib.Path, seconds: float) -> dict:
    """Closed loop: each connection sends its next request when it has its answer."""
    script = folder / "wrk.lua"
    body = f'wrk.method = "POST"\nwrk.body = string.rep("x", {case.body})\n' if case.body else ""
    script.write_text(body + 'function done(summary, latency)\n'
                      '  local e = summary.errors\n'
                      '  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, latency:percentile(50),\n'
                      '    latency:percentile(99), latency:percentile(99.9),\n'
                      '    e.connect + e.read + e.write + e.status + e.timeout))\nend\n')
    port, scheme = (proxy.tls_port, "https") if case.tls else (proxy.port, "http")
    output = subprocess.check_output(
        [program_path("wrk"), "-t1", f"-c{case.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s",
         script, f"{scheme}://127.0.0.1:{port}{case.path}"], text=True, preexec_fn=on_core(LOAD_CORE))
    requests, p50, p99, p999, failed = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output).groups())
    return {"requests": requests, "failed": failed, "p50_us": p50, "p99_us": p99, "p999_us": p999}


def open_loop(proxy: Proxy, case: Case, folder: pathlib.Path, seconds: float) -> dict:
    trace, body = folder / "arrivals.csv", folder / "body"
    trace.write_text("".join(f"{instant:.6f}\n" for instant in case.arrivals(seconds)))
    body.write_bytes(b"x" * case.body)
    done = subprocess.run(
        [BUILD / "weir", "load", "--url", f"http://127.0.0.1:{proxy.port}{case.path}", "--trace", trace, "--body-lines",
         body, "--json", "--quiet", "--connections", "1000"], stdout=subprocess.PIPE, text=True,
        preexec_fn=on_core(LOAD_CORE))
    result = json.loads(done.stdout)
    return {"requests": result["completed"], "failed": result["failed"], "p50_us": result["p50_ms"] * 1000,
            "p99_us": result["p99_ms"] * 1000, "p999_us": result["p99_9_ms"] * 1000}


def chunk_gaps(proxy: Proxy, case: Case) -> dict:
    """One stream on a connection of its own: how long after the chunk before does each come?"""
    count, size = map(int, case.path.split("/")[2:4])
    came, got = [], b""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as s:
        s.sendall(f"GET {case.path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += s.recv(65536)
            came += [time.monotonic()] * (got.count(bytes(size)) - len(came))
    gaps = sorted(1e6 * (b - a) for a, b in zip(came, came[1:]))
    at = lambda share: gaps[min(len(gaps) - 1, int(share * len(gaps)))]
    return {"requests": 1, "failed": count - len(came), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999)}


def load(proxy: Proxy, case: Case, folder: pathlib.Path, seconds: float) -> dict:
    result = chunk_gaps(proxy, case) if case is CASES["chunks"] else (
        open_loop if case.arrivals else wrk)(proxy, case, folder, seconds)
    if result["failed"]:
        print(f"weir: {result['failed']} requests failed in {proxy.name}: {case.about}", file=sys.stderr)
    return result


def count_syscalls(proxy: Proxy, case: Case, folder: pathlib.Path) -> float | None:
    strace = shutil.which("strace")
    if not strace:
        return None
    counts = folder / "strace"
    tracer = subprocess.Popen([strace, "-f", "-c", "-U", "calls,name", "-o", counts, "-p", str(proxy.pid)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    tracer.stderr.readline()  # "attached"
    result = load(proxy, case, folder, 1)
    tracer.terminate()
    tracer.wait()
    total = re.search(r"^\s*(\d+)\s+total", counts.read_text(), re.M)
    return int(total[1]) / result["requests"] if total and result["requests"] else None


def measure(proxy: Proxy, case: Case, folder: pathlib.Path, seconds: float) -> dict:
    kept = idle_connections(proxy, case.idle)
    before, begun = proxy.cpu_ns(), time.monotonic()
    result = load(proxy, case, folder, seconds)
    used, lasted = proxy.cpu_ns() - before, time.monotonic() - begun
    rss = proxy.rss_bytes()
    for s in kept:
        s.close()
    return {**{key: result[key] for key in ("p50_us", "p99_us", "p999_us", "failed")}, "rss_bytes": rss,
            "cpu_us": used / 1000 / max(1, result["requests"]), "rps": result["requests"] / lasted,
            "busy": used / 1e9 / lasted}


# --- runs --------------------------------------------------------------------------------------------------------------

def median_row(rows: list) -> dict:
    return {key: statistics.median(row[key] for row in rows) if rows[0][key] is not None else None for key in rows[0]}


def run_case(name: str, folder: pathlib.Path, certificate: pathlib.Path, options) -> dict:
    idle = IDLE_CASES.get(name)
    case = CASES.get(name) or Case(idle[0], ("weir", *PEERS), tls=idle[1])
    chosen = [p for p in case.programs if not options.programs or p in options.programs.split(",")]
    folder.mkdir()
    backends, proxies = Backends(folder / "backends", *case.backends), []
    try:
        for program in chosen:
            proxies.append(Proxy(program, folder, backends, certificate, case))
        if idle:
            return {proxy.name: measure_idle(proxy, idle[1]) for proxy in proxies}
        rows = {proxy.name: [] for proxy in proxies}
        for proxy in proxies * options.rounds:
            rows[proxy.name].append(measure(proxy, case, folder, options.seconds))
        results = {program: median_row(r) for program, r in rows.items()}
        for proxy in proxies:
            results[proxy.name]["syscalls"] = count_syscalls(proxy, case, folder) if options.syscalls else None
        return results
    finally:
        for proxy in proxies:
            proxy.stop()
        backends.stop()


def goals_of(name: str, program: str, rows: dict) -> str:
    """What is wanted of a program, and what was reached: share of the best of which others, or bytes."""
    if name in IDLE_CASES:
        return f"{rows[program]['rss_bytes']:.0f} of {IDLE_CASES[name][2]} bytes" if program == "weir" else ""
    texts = []
    for wanted_of, key, share, others in CASES[name].goals:
        values = [rows[other][key] for other in others if other in rows]
        if wanted_of == program and values and min(values) > 0:
            what = {"cpu_us": "CPU", "p50_us": "p50", "p99_us": "p99"}[key]
            whom = "" if others == PEERS else " (" + ", ".join(others) + ")"
            texts.append(f"{what} {rows[program][key] / min(values):.2f} of {share}{whom}")
    return "; ".join(texts)


COLUMNS = (("CPU us", 8), ("requests/s", 11), ("p50 us", 8), ("p99 us", 8), ("p99.9 us", 9), ("calls", 7), ("RSS", 10),
           ("busy", 5), ("failed", 7))


def print_head() -> None:
    print("what weir reached, as a share of the best of HAProxy and nginx if no others are named, of what is wanted:\n")
    titles = "".join(f"{title:>{width}}" for title, width in COLUMNS)
    print(f"{'case':10}{'program':18}{titles}  reached of wanted")


def print_case(name: str, rows: dict) -> None:
    def text(value, digits=0):
        return "-" if value is None else f"{value:.{digits}f}"
    for program, row in rows.items():
        rss = f"{row['rss_bytes']:.0f} B" if name in IDLE_CASES else f"{row['rss_bytes'] / 2**20:.1f} MiB"
        busy = f"{row['busy']:.0%}" if row.get("busy") is not None else "-"
        cells = (text(row["cpu_us"], 1), text(row["rps"]), text(row["p50_us"]), text(row["p99_us"]),
                 text(row["p999_us"]), text(row["syscalls"], 2), rss, busy, text(row.get("failed")))
        line = f"{name:10}{program:18}" + "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS))
        print(f"{line}  {goals_of(name, program, rows)}".rstrip())
    sys.stdout.flush()


def main() -> int:
    every = [*CASES, *IDLE_CASES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="; ".join(
        [f"{name}: {case.about}" for name, case in CASES.items()] + [f"{n}: {c[0]}" for n, c in IDLE_CASES.items()]))
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each case and program")
    parser.add_argument("--cases", default=",".join(every))
    parser.add_argument("--programs", default="", help="only these, as they are named in the table")
    parser.add_argument("--no-syscalls", dest="syscalls", action="store_false", help="do not count system calls")
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("weir: the proxy benchmark needs two cores")
    for name in ("wrk", "haproxy", "nginx", "openssl"):
        program_path(name)
    results = {}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        certificate = make_certificate(pathlib.Path(folder))
        print_head()
        for name in options.cases.split(","):
            results[name] = run_case(name, pathlib.Path(folder) / name, certificate, options)
            print_case(name, results[name])
    out = ROOT / "bench-out"
    out.mkdir(exist_ok=True)
    (out / "proxy.json").write_text(json.dumps(
        {case: {program: {key: row[key] for key in KEYS} for program, row in rows.items()}
         for case, rows in results.items()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
