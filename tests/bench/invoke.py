#!/usr/bin/python3
"""What an invocation costs: CPU time of the proxy per request, requests per second, latency.

Starts a weir of its own with one instance of the XGBoost server, sends the same row over 64 kept-alive connections
with wrk, unsigned (--no-auth), then signed with `weir load` at a fixed rate. CPU time is read from /proc before and
after; the result goes to bench-out/invoke.json as {case: {cpu_us, requests_per_second, p50_ms, p99_ms}}.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("WEIR", str(ROOT / "build" / "weir"))
from conftest import WEIR, Weir  # noqa: E402

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385"
LUA = f"""wrk.method = "POST"
wrk.body = "{ROW}"
wrk.headers["Content-Type"] = "text/csv"
"""


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def with_wrk(weir: Weir, folder: pathlib.Path, seconds: int) -> dict:
    script = folder / "post.lua"
    script.write_text(LUA)
    proxy = weir.children()["proxy"]
    before = cpu_s(proxy)
    output = subprocess.check_output(
        ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", script, weir.url + "/endpoints/bench/invocations"],
        text=True)
    used = cpu_s(proxy) - before
    requests = int(re.search(r"(\d+) requests in", output)[1])
    errors = re.search(r"Non-2xx.*: (\d+)", output)
    return {"cpu_us": 1e6 * used / requests, "requests_per_second": requests / seconds,
            "p50_ms": milliseconds(re.search(r"^\s+50%\s+(\S+)", output, re.M)[1]),
            "p99_ms": milliseconds(re.search(r"^\s+99%\s+(\S+)", output, re.M)[1]),
            "failed": int(errors[1]) if errors else 0}


def with_weir_load(weir: Weir, folder: pathlib.Path, seconds: int) -> dict:
    row = folder / "row.csv"
    row.write_text(ROW)
    proxy = weir.children()["proxy"]
    before = cpu_s(proxy)
    result = subprocess.run(
        [WEIR, "load", "--state", weir.state, "--endpoint", "bench", "--rate", "1000", "--duration", str(seconds),
         "--body", row, "--content-type", "text/csv", "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
    used = cpu_s(proxy) - before
    load = json.loads(result.stdout)
    return {"cpu_us": 1e6 * used / load["requests"], "requests_per_second": load["requests"] / seconds,
            "p50_ms": load["p50_ms"], "p99_ms": load["p99_ms"], "failed": load["failed"]}


def measure(folder: pathlib.Path, seconds: int) -> dict:
    model = folder / "abalone.ubj"
    subprocess.run([pathlib.Path(WEIR).parent / "train-abalone", "--output", model,
                    *sorted((ROOT / "examples/abalone").glob("*train*.libsvm"))], check=True, stdout=subprocess.DEVNULL)
    results = {}
    for case, options, run in (("unsigned, closed loop", ["--no-auth"], with_wrk),
                               ("signed, 1000 per second", [], with_weir_load)):
        weir = Weir(folder / case.split(",")[0], *options).start()
        try:
            weir.make_endpoint("bench", model_url=f"file://{model}")
            results[case] = run(weir, folder, seconds)
        finally:
            weir.stop()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        results = measure(pathlib.Path(folder), seconds)
    print(f"{'case':26} {'proxy CPU us':>12} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'failed':>7}")
    for case, row in results.items():
        print(f"{case:26} {row['cpu_us']:12.1f} {row['requests_per_second']:11.0f} {row['p50_ms']:8.2f} "
              f"{row['p99_ms']:8.2f} {row['failed']:7}")
    out = ROOT / "bench-out"
    out.mkdir(exist_ok=True)
    (out / "invoke.json").write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
