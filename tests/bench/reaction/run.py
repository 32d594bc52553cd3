#!/usr/bin/python3
"""How long it takes from more load to more instances.

A weir of its own at pace fast, with a model server that can do 40 requests per second (server.py). The policy's target is
three quarters of that, or as many in flight as that makes; the load steps from 0.9 of the target to four times as much, at
a random moment of the second. Printed are the times from the step to the first decision, to the one that asks for enough
instances to carry the load, and to these being in service, by weir's own log; and, for MinCapacity 0, from the first request after idle to its answer. The same
step at pace aws, and by Knative's rule, is run on a virtual clock (simulate.c). Everything goes to bench-out/reaction.json.
Exit code 1 if a request failed, or a first decision took more than three seconds: the goal.
"""
import argparse
import datetime
import http.client
import json
import math
import os
import pathlib
import queue
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("WEIR", str(ROOT / "build" / "weir"))
from conftest import WEIR, Weir, eventually  # noqa: E402

SERVER = pathlib.Path(__file__).with_name("server.py")
CAN_DO, TARGET = 40, 30  # requests per second of an instance, and those it is meant to have
BEFORE, AFTER = 0.9 * TARGET, 4 * 0.9 * TARGET
NEEDED = math.ceil(AFTER / CAN_DO)
GOAL_MS = 3000  # to the first decision
WARM_S, LAST_S = 8, 8  # before the step, and after it
METRICS = {"invocations": ("SageMakerVariantInvocationsPerInstance", TARGET * 60),
           "concurrency": ("SageMakerVariantConcurrentRequestsPerModelHighResolution", 12)}


class Load:
    """Requests at Poisson instants, each sent when it is due, whether or not others were answered."""

    WORKERS = 128

    def __init__(self, url: str, endpoint: str, seed: int):
        self.address = url.removeprefix("http://").rstrip("/")
        self.path, self.chance = f"/endpoints/{endpoint}/invocations", random.Random(seed)
        self.due, self.failed, self.latency = queue.Queue(), [], []
        self.workers = [threading.Thread(target=self.work, daemon=True) for _ in range(self.WORKERS)]
        for worker in self.workers:
            worker.start()

    def work(self):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while (at := self.due.get()) is not None:
            try:
                connection.request("POST", self.path, b"x", {"Content-Type": "text/csv"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(answer.status)
            except OSError as error:
                self.failed.append(str(error))
                connection.close()
            self.latency.append(time.time() - at)

    def send(self, rate: float, seconds: float):
        at, end = time.time(), time.time() + seconds
        while (at := at + self.chance.expovariate(rate)) < end:
            time.sleep(max(0.0, at - time.time()))
            self.due.put(at)
        time.sleep(max(0.0, end - time.time()))

    def finish(self):
        for _ in self.workers:
            self.due.put(None)
        for worker in self.workers:
            worker.join()


def log_lines(weir: Weir, event: str, endpoint: str) -> list:
    """[(time, line)] of that event."""
    found = re.findall(rf"^(\S+)Z \S+ control: ({event} endpoint={endpoint} .*)$", weir.log(), re.M)
    return [(datetime.datetime.fromisoformat(at + "+00:00").timestamp(), line) for at, line in found]


def make_endpoint(weir: Weir, name: str, metric: str, least: int, cap: int):
    scaling = weir.client("application-autoscaling")
    weir.make_endpoint(name, image=f"command:{SERVER}", environment={"WEIR_CONCURRENCY_MAX": str(cap)})
    triple = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/AllTraffic",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling.register_scalable_target(**triple, MinCapacity=least, MaxCapacity=8)
    predefined, target = METRICS[metric]
    scaling.put_scaling_policy(
        PolicyName="p", **triple, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
            "TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": predefined}})


def step(weir: Weir, metric: str, number: int) -> dict:
    name = f"{metric}-{number}"
    make_endpoint(weir, name, metric, 1, 12)
    load = Load(weir.url, name, number)
    load.send(BEFORE, WARM_S + random.random())
    early = len(log_lines(weir, "desired count set", name))
    at = time.time()
    load.send(AFTER, LAST_S)
    load.finish()
    decisions = [(when, int(re.search(r"desired=(\d+)", line)[1]))
                 for when, line in log_lines(weir, "desired count set", name) if when >= at]
    serving = [when for when, _ in log_lines(weir, "instance in service", name)]
    weir.client("sagemaker").delete_endpoint(EndpointName=name)
    enough = [when for when, desired in decisions if desired >= NEEDED]
    ms = lambda when: round(1000 * (when - at)) if when else None
    return {"decision_ms": ms(decisions and decisions[0][0]), "enough_decided_ms": ms(enough and enough[0]),
            "in_service_ms": ms(serving[NEEDED - 1] if len(serving) >= NEEDED else None),
            "decisions": [desired for _, desired in decisions], "before_step": early,
            "requests": len(load.latency), "failed": len(load.failed), "slowest_ms": round(1000 * max(load.latency))}


def wake(weir: Weir, number: int) -> dict:
    """From zero, set by hand: what counts is what happens then."""
    sagemaker = weir.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="empty", DesiredWeightsAndCapacities=[
        {"VariantName": "AllTraffic", "DesiredInstanceCount": 0}])
    now = lambda: sagemaker.describe_endpoint(EndpointName="empty")
    eventually(lambda: now()["EndpointStatus"] == "InService" and
               now()["ProductionVariants"][0]["CurrentInstanceCount"] == 0)
    at = time.time()
    connection = http.client.HTTPConnection(weir.url.removeprefix("http://").rstrip("/"), timeout=120)
    connection.request("POST", "/endpoints/empty/invocations", b"x")
    answer = connection.getresponse()
    answer.read()
    end = time.time()
    decided = [when for when, _ in log_lines(weir, "desired count set", "empty")][-1]
    serving = [when for when, _ in log_lines(weir, "instance in service", "empty")][-1]
    eventually(lambda: now()["EndpointStatus"] == "InService")
    return {"decision_ms": round(1000 * (decided - at)), "in_service_ms": round(1000 * (serving - at)),
            "answer_ms": round(1000 * (end - at)), "failed": int(answer.status != 200)}


def median(rounds: list, member: str):
    values = [r[member] for r in rounds if r[member] is not None]
    return round(statistics.median(values)) if len(values) == len(rounds) else None


def simulated() -> list:
    program = pathlib.Path(WEIR).parent / "bench-reaction"
    return json.loads(subprocess.check_output([program, "--json"], text=True))


def print_steps(results: dict):
    print(f"{'step to 4x at pace fast, ms':28} {'decision':>9} {'worst':>6} {'for all':>8} {'in service':>11} {'slowest':>8} "
          f"{'failed':>7}  (medians of {len(next(iter(results.values())))})")
    for metric, rounds in results.items():
        print(f"{metric:28} {median(rounds, 'decision_ms') or '-':>9} {max(r['decision_ms'] or 99999 for r in rounds):6} "
              f"{median(rounds, 'enough_decided_ms') or '-':>8} {median(rounds, 'in_service_ms') or '-':>11} "
              f"{median(rounds, 'slowest_ms'):8} {sum(r['failed'] for r in rounds):7}")


def print_wakes(rounds: list):
    print(f"{'first request at zero, ms':28} {median(rounds, 'decision_ms'):9} {max(r['decision_ms'] for r in rounds):6} "
          f"{'':8} {median(rounds, 'in_service_ms'):11} {median(rounds, 'answer_ms'):8} {sum(r['failed'] for r in rounds):7}"
          "  (slowest: the answer)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    virtual = simulated()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        weir = Weir(pathlib.Path(folder) / "state", "--no-auth").start()
        try:
            steps = {metric: [step(weir, metric, i) for i in range(rounds)] for metric in METRICS}
            make_endpoint(weir, "empty", "invocations", 0, 12)
            wakes = [wake(weir, i) for i in range(rounds)]
        finally:
            weir.stop()
    print_steps(steps)
    print_wakes(wakes)
    subprocess.run([pathlib.Path(WEIR).parent / "bench-reaction"], check=True)
    out = ROOT / "bench-out"
    out.mkdir(exist_ok=True)
    (out / "reaction.json").write_text(json.dumps({"steps": steps, "wakes": wakes, "virtual": virtual}, indent=2) + "\n")
    everything = sum(steps.values(), wakes)
    missed = [r for r in everything if r["failed"] or r["decision_ms"] is None or r["decision_ms"] > GOAL_MS]
    for r in missed:
        print(f"missed: {r}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
