#!/usr/bin/python3
"""A long run in which nothing may be lost: a steady load on an endpoint while its fleet moves all the time.

Instances are added and removed, stopped for a moment, slowed and killed; control is killed; in the last sixth of the
time all programs are exchanged by upgrades, too (earlier, nobody could see whether the proxy's memory grows). A request
may fail only where an instance was killed while it worked on it. The load is a share of what the smallest fleet can do,
which is measured anew every few minutes, as others may use the machine. Where it falls behind all the same, the load
generator runs out of connections: what it then did not send is told apart and is no failure, as nobody has lost it.
Prints what was done, what failed and when, and how memory and descriptors of the proxy and of control went; writes
bench-out/soak.json. Exit code 1 if a request failed elsewhere, or more than were in flight.
"""
import argparse
import collections
import csv
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("WEIR", str(ROOT / "build" / "weir"))
from conftest import WEIR, Weir, eventually  # noqa: E402

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385\n"
NAME, FLEET = "soak", (2, 5)
CAP = 16  # requests in flight at an instance: more cannot be lost with it
KILL_REACH_S = 2  # a failure that soon after a kill is counted as the kill's


def use_of(pid: int) -> dict:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {"pid": pid, "rss_mib": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024,
            "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


class Soak:
    def __init__(self, weir: Weir, seed: int):
        self.weir, self.chance, self.began = weir, random.Random(seed), time.time()
        self.done, self.kills, self.samples = {}, [], []
        self.sagemaker = weir.client("sagemaker", config=None)

    def instances(self) -> dict:
        endpoint, = self.weir.status()["Endpoints"]
        return {i["InstanceId"]: int(i["Handle"].split(":")[0]) for i in endpoint["Variants"][0]["Instances"]
                if i["State"] == "InService"}

    # --- what happens to the fleet -------------------------------------------------------------

    def resize(self, count: int = 0):
        """Instances are added, or removed and drained."""
        count = count or self.chance.randint(*FLEET)
        self.sagemaker.update_endpoint_weights_and_capacities(EndpointName=NAME, DesiredWeightsAndCapacities=[
            {"VariantName": "AllTraffic", "DesiredInstanceCount": count}])
        self.weir.wait_endpoint(NAME)

    def pause(self):
        """An instance stands still for a moment."""
        pid = self.chance.choice(list(self.instances().values()))
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)

    def slow(self):
        """An instance runs a tenth of the time for three seconds."""
        pid = self.chance.choice(list(self.instances().values()))
        for _ in range(30):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.09)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)

    def kill(self):
        running = self.instances()
        if len(running) < 2:
            return
        victim, pid = self.chance.choice(sorted(running.items()))
        self.kills.append(time.time() - self.began)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: victim not in self.instances() and len(self.instances()) == len(running), 60, "replaced")

    def kill_control(self):
        control = self.weir.children()["control"]
        os.kill(control, signal.SIGKILL)
        eventually(lambda: self.weir.children().get("control") not in (None, control), why="control restarted")
        self.sagemaker.list_endpoints()

    def upgrade(self):
        """The proxy and control are exchanged for new ones."""
        self.weir.command("upgrade", "--state", str(self.weir.state))

    ACTIONS = (resize, resize, resize, pause, slow, kill, kill_control)

    def step(self, upgrades: bool):
        action = self.chance.choice((*self.ACTIONS, Soak.upgrade) if upgrades else self.ACTIONS)
        action(self)
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        children = self.weir.children()
        self.samples.append({"t_s": round(time.time() - self.began), "action": action.__name__,
                             **{name: use_of(pid) for name, pid in children.items()}})


def capacity(weir: Weir, row: pathlib.Path, seconds: int) -> float:
    """Requests per second that are answered when more are sent than can be."""
    result = subprocess.run(
        [WEIR, "load", "--state", weir.state, "--endpoint", NAME, "--rate", "50000", "--duration", str(seconds), "--body",
         row, "--content-type", "text/csv", "--json", "--quiet", "--connections", "64", "--backlog", "64"],
        stdout=subprocess.PIPE, text=True)
    load = json.loads(result.stdout)
    return load["completed"] / load["duration_s"]


class Load:
    """The load of a few minutes, and what became of it."""

    def __init__(self, weir: Weir, row: pathlib.Path, rate: float, seconds: float, soak_began: float):
        self.began_s, self.rate, self.timeline = time.time() - soak_began, rate, row.with_name("timeline.csv")
        self.process = subprocess.Popen(
            [WEIR, "load", "--state", weir.state, "--endpoint", NAME, "--rate", f"{rate:.0f}", "--duration",
             str(round(seconds)), "--body", row, "--content-type", "text/csv", "--json", "--quiet",
             "--timeline", self.timeline, "--connections", "1000"], stdout=subprocess.PIPE, text=True)

    def runs(self) -> bool:
        return self.process.poll() is None

    def finish(self):
        """`failed` by second of the soak, of what was sent."""
        self.result = json.loads(self.process.communicate()[0])
        rows = [dict(zip(("t", "failed", "not_sent"), (float(row[c]) for c in ("t_s", "failed", "not_sent"))))
                for row in csv.DictReader(self.timeline.open())]
        self.failed = {round(self.began_s + row["t"]): int(row["failed"] - row["not_sent"]) for row in rows
                       if row["failed"] > row["not_sent"]}
        self.not_sent = int(sum(row["not_sent"] for row in rows))
        return self

    def is_of_a_kill(self, t: float, kills: list) -> bool:
        """A request counts for the second it was due in, so what a kill meets is as old as answers took then."""
        return any(-1 - self.result["p99_9_ms"] / 1000 <= t - kill <= KILL_REACH_S for kill in kills)


def growth(samples: list) -> str:
    """Of the process that lived longest, since each starts anew."""
    pids = [s["pid"] for s in samples]
    longest = max(set(pids), key=pids.count)
    samples = [s for s in samples if s["pid"] == longest]
    quarter = max(1, len(samples) // 4)
    first, last = ({key: max(s[key] for s in part) for key in ("rss_mib", "descriptors")}
                   for part in (samples[:quarter], samples[-quarter:]))
    return (f"RSS at most {first['rss_mib']:.1f} MiB in the first quarter, {last['rss_mib']:.1f} in the last; "
            f"descriptors {first['descriptors']}, then {last['descriptors']} ({len(samples)} looks at one process)")


def report(soak: Soak, loads: list) -> int:
    failed = {t: n for load in loads for t, n in load.failed.items()}
    stray = {t: n for load in loads for t, n in load.failed.items() if not load.is_of_a_kill(t, soak.kills)}
    allowed = len(soak.kills) * CAP
    total = {key: sum(load.result[key] for load in loads) for key in ("requests", "completed", "duration_s")}
    not_sent, errors = sum(load.not_sent for load in loads), collections.Counter()
    for load in loads:
        errors.update(load.result["errors"])
    print(f"{total['requests']:.0f} requests in {total['duration_s']:.0f} s at {min(load.rate for load in loads):.0f} to "
          f"{max(load.rate for load in loads):.0f}/s: {total['completed']:.0f} answered, {sum(failed.values())} failed, "
          f"{not_sent} not sent ({dict(errors)})")
    for name in ("p50_ms", "p99_ms", "p99_9_ms"):
        values = sorted(load.result[name] for load in loads)
        print(f"{name} by part: {values[0]:.2f} to {values[-1]:.2f}, median {values[len(values) // 2]:.2f}")
    print("done: " + ", ".join(f"{name} {n}" for name, n in sorted(soak.done.items())))
    print(f"{len(soak.kills)} instances killed: {sum(failed.values()) - sum(stray.values())} requests lost with them "
          f"(at most {allowed} were in flight there); elsewhere: {sum(stray.values())} {stray or ''}")
    for name in ("proxy", "control"):
        print(f"{name}: " + growth([s[name] for s in soak.samples if name in s]))
    out = ROOT / "bench-out"
    out.mkdir(exist_ok=True)
    (out / "soak.json").write_text(json.dumps({
        "loads": [{"rate": load.rate, **load.result} for load in loads], "done": soak.done, "kills": soak.kills,
        "failed_at": failed, "samples": soak.samples}, indent=1) + "\n")
    return 1 if stray or sum(failed.values()) > allowed else 0


def run(folder: pathlib.Path, options) -> int:
    row, model, loads = folder / "row.csv", folder / "abalone.ubj", []
    row.write_text(ROW)
    subprocess.run([pathlib.Path(WEIR).parent / "train-abalone", "--output", model,
                    *sorted((ROOT / "examples/abalone").glob("*train*.libsvm"))], check=True, stdout=subprocess.DEVNULL)
    weir = Weir(folder / "state").start()
    try:
        weir.make_endpoint(NAME, model_url=f"file://{model}", count=FLEET[0],
                           environment={"WEIR_CONCURRENCY_MAX": str(CAP)})
        soak = Soak(weir, options.seed)
        while (passed := time.time() - soak.began) < options.minutes * 60:
            soak.resize(FLEET[0])
            rate = options.rate or options.share * capacity(weir, row, 5)
            load = Load(weir, row, rate, min(options.part, options.minutes * 60 - passed), soak.began)
            while load.runs():
                soak.step(upgrades=time.time() - soak.began > options.minutes * 50)
                time.sleep(options.pause)
            loads.append(load.finish())
        return report(soak, loads)
    finally:
        weir.stop()
        if options.log:
            options.log.write_text(weir.log())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--share", type=float, default=0.7, help="of the measured capacity of the smallest fleet")
    parser.add_argument("--part", type=float, default=120, help="seconds after which the share is measured anew")
    parser.add_argument("--rate", type=float, default=0, help="requests per second, instead of a share")
    parser.add_argument("--pause", type=float, default=1, help="seconds between two things done to the fleet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, help="keep weir's log here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-soak-") as folder:
        return run(pathlib.Path(folder), options)


if __name__ == "__main__":
    sys.exit(main())
