#!/usr/bin/env python3
"""weir as a plain load balancer beside HAProxy and nginx: what a request costs in each of them.

All programs stand in front of the same four backends and take turns, case by case and round by round, so that what
the machine does meanwhile meets all of them alike; medians are printed. Each proxy is one thread, pinned to the first
core; wrk and the backends share the second. CPU time is the proxy's own, from /proc/PID/schedstat. Writes
bench-out/proxy.json: {case: {program: {cpu_us, rps, p50_us, p99_us, rss_bytes}}}.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("WEIR", ROOT / "build" / "weir")).resolve().parent
PROXY_CORE, LOAD_CORE = 0, 1
BACKENDS = 4
PROGRAMS = ("weir", "haproxy", "nginx")
# name: body bytes, answer bytes, connections, idle connections, what it is
CASES = {
    "a": (128, 128, 64, 0, "128 B POST, 128 B answer, 64 connections"),
    "b": (16 << 10, 1024, 64, 0, "16 KiB POST, 1 KiB answer, 64 connections"),
    "c": (1 << 20, 1024, 64, 0, "1 MiB POST, 1 KiB answer, 64 connections"),
    "f": (128, 128, 64, 1000, "a, beside 1000 idle connections"),
}
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}

HAPROXY = """global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 60s
    option forwardfor
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    balance leastconn
{servers}
"""
NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    upstream back {{
        least_conn;
        keepalive 128;
        keepalive_requests 1000000000;
{servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_buffering off;
        }}
    }}
}}
"""


def program_path(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        sys.exit(f"weir: the proxy benchmark needs {name}: apt-get install wrk haproxy nginx")
    return found


def on_core(core: int):
    return lambda: os.sched_setaffinity(0, {core})


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"weir: nobody listens on port {port}")


class Proxy:
    """One of the programs, running; its pid is that of the process which does the work."""

    def __init__(self, name: str, folder: pathlib.Path, backends: list[int]):
        self.name, self.folder, self.port = name, folder / name, free_port()
        self.folder.mkdir()
        self.log = open(self.folder / "log", "w", encoding="utf-8")
        self.process = subprocess.Popen(getattr(self, name)(backends), preexec_fn=on_core(PROXY_CORE),
                                        stdout=self.log, stderr=self.log)
        wait_for(self.port)
        self.pid = self.worker()

    def weir(self, backends: list[int]) -> list:
        routes = {"routes": [{"path_prefix": "/", "target_group": "back"}],
                  "target_groups": [{"id": "back", "health_path": "/0", "targets": [
                      {"id": str(port), "address": f"127.0.0.1:{port}"} for port in backends]}]}
        file = self.folder / "routes.json"
        file.write_text(json.dumps(routes))
        return [BUILD / "weir", "proxy", "--routes", file, "--listen", f"127.0.0.1:{self.port}", "--threads", "1"]

    def haproxy(self, backends: list[int]) -> list:
        file = self.folder / "haproxy.cfg"
        servers = "\n".join(f"    server s{port} 127.0.0.1:{port}" for port in backends)
        file.write_text(HAPROXY.format(port=self.port, servers=servers))
        return [program_path("haproxy"), "-db", "-f", file]

    def nginx(self, backends: list[int]) -> list:
        file = self.folder / "nginx.conf"
        servers = "\n".join(f"        server 127.0.0.1:{port};" for port in backends)
        file.write_text(NGINX.format(folder=self.folder, port=self.port, servers=servers))
        return [program_path("nginx"), "-p", self.folder, "-e", self.folder / "nginx-error.log", "-c", file]

    def worker(self) -> int:
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else self.process.pid

    def cpu_ns(self) -> int:
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def rss_bytes(self) -> int:
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def idle_connections(port: int, count: int) -> list[socket.socket]:
    """Connections that have been served once, and are kept."""
    sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port), timeout=10)
        s.sendall(b"GET /1 HTTP/1.1\r\nHost: bench\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200"), "an idle connection was not served"
        sockets.append(s)
    return sockets


def microseconds(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def load(port: int, script: pathlib.Path, connections: int, answer: int, seconds: float) -> str:
    return subprocess.check_output(
        [program_path("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script,
         f"http://127.0.0.1:{port}/{answer}"], text=True, preexec_fn=on_core(LOAD_CORE))


def measure(proxy: Proxy, case: str, script: pathlib.Path, seconds: int) -> dict:
    _, answer, connections, idle, _ = CASES[case]
    kept = idle_connections(proxy.port, idle)
    before, begun = proxy.cpu_ns(), time.monotonic()
    output = load(proxy.port, script, connections, answer, seconds)
    used, lasted = proxy.cpu_ns() - before, time.monotonic() - begun
    rss = proxy.rss_bytes()
    for s in kept:
        s.close()
    if re.search(r"Non-2xx|Socket errors", output):
        sys.exit(f"weir: requests failed in {proxy.name}, case {case}:\n{output}")
    requests = int(re.search(r"(\d+) requests in", output)[1])
    return {"cpu_us": used / 1000 / requests, "rps": requests / seconds,
            "p50_us": microseconds(re.search(r"^\s+50%\s+(\S+)", output, re.M)[1]),
            "p99_us": microseconds(re.search(r"^\s+99%\s+(\S+)", output, re.M)[1]), "rss_bytes": rss,
            "busy": used / 1e9 / lasted}


def write_script(folder: pathlib.Path, case: str) -> pathlib.Path:
    script = folder / f"{case}.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {CASES[case][0]})\n')
    return script


def run(folder: pathlib.Path, cases: list[str], programs: list[str], seconds: int, rounds: int) -> dict:
    backend = subprocess.Popen([BUILD / "bench-backend", str(BACKENDS)], stdout=subprocess.PIPE, text=True,
                               preexec_fn=on_core(LOAD_CORE))
    proxies = []
    try:
        ports = [int(port) for port in backend.stdout.readline().split()]
        for name in programs:
            proxies.append(Proxy(name, folder, ports))
        results = {case: {name: [] for name in programs} for case in cases}
        for case in cases:
            script = write_script(folder, case)
            for proxy in proxies * rounds:
                results[case][proxy.name].append(measure(proxy, case, script, seconds))
    finally:
        for proxy in proxies:
            proxy.stop()
        backend.terminate()
        backend.wait()
    return {case: {name: {key: statistics.median(r[key] for r in rows) for key in rows[0]}
                   for name, rows in by_name.items()} for case, by_name in results.items()}


def print_table(results: dict) -> None:
    print(f"{'case':5}{'program':9}{'CPU us':>9}{'weir/best':>11}{'requests/s':>12}{'p50 us':>9}{'p99 us':>9}"
          f"{'RSS MiB':>9}{'busy':>6}")
    for case, by_name in results.items():
        best = min((row["cpu_us"] for name, row in by_name.items() if name != "weir"), default=0)
        for name, row in by_name.items():
            ratio = f"{row['cpu_us'] / best:.2f}" if name == "weir" and best else ""
            print(f"{case:5}{name:9}{row['cpu_us']:9.1f}{ratio:>11}{row['rps']:12.0f}{row['p50_us']:9.0f}"
                  f"{row['p99_us']:9.0f}{row['rss_bytes'] / 2**20:9.1f}{row['busy']:6.0%}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="; ".join(f"{case}: {row[4]}" for case, row in CASES.items()))
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each case and program")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("weir: the proxy benchmark needs two cores")
    for name in ("wrk", *(p for p in options.programs.split(",") if p != "weir")):
        program_path(name)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        results = run(pathlib.Path(folder), options.cases.split(","), options.programs.split(","), options.seconds,
                      options.rounds)
    print_table(results)
    keys = ("cpu_us", "rps", "p50_us", "p99_us", "rss_bytes")
    out = ROOT / "bench-out"
    out.mkdir(exist_ok=True)
    (out / "proxy.json").write_text(json.dumps(
        {case: {name: {key: row[key] for key in keys} for name, row in by_name.items()}
         for case, by_name in results.items()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
