#!/usr/bin/env python3
"""weir's demo: a real model, a real load balancer's traffic, and a fleet that follows it.

Trains an XGBoost model on the abalone data, starts a weir of its own on a free port, creates model, config,
endpoint, scalable target and policy with the AWS CLI, and replays one day of a recorded request trace, 480
times faster. Ends by itself after about five minutes. Writes demo-out/summary.json and demo-out/report.svg.
"""
import csv
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import chart

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build"))
OUT = ROOT / "demo-out"
WEIR = BUILD / "weir"
AWS = os.environ.get("WEIR_DEMO_AWS", "/usr/bin/aws")

ENDPOINT, VARIANT = "abalone", "AllTraffic"
RESOURCE = f"endpoint/{ENDPOINT}/variant/{VARIANT}"
SCALABLE = ["--service-namespace", "sagemaker", "--resource-id", RESOURCE,
            "--scalable-dimension", "sagemaker:variant:DesiredInstanceCount"]
MAX_INSTANCES = 8

TRACE = ROOT / "examples/traces/elb_request_count_8c0756.csv"
TRACE_FROM, TRACE_TO = "2014-04-22 00:00:00", "2014-04-22 23:55:00"
SPEEDUP, SCALE = 480, 1.0
TARGET_PER_MINUTE = 3600  # requests per instance and minute: 60 a second
SCALE_IN_WINDOW_S = 15    # the fleet shrinks when nobody needed more for this long; 300 s by default


class Weir:
    """A `weir serve` of the demo's own, with a fresh state directory."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-demo-"))
        self.state = self.folder / "state"
        self.log = open(OUT / "weir.log", "w")
        self.process = subprocess.Popen(
            [WEIR, "serve", "--listen", "127.0.0.1:0", "--state", self.state],
            stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True)
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"demo: weir did not start; see {self.log.name}")
        print(line)
        exports = self.run("env")
        self.env = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
        for row in exports.splitlines():
            name, value = row.removeprefix("export ").split("=", 1)
            self.env[name] = value.strip("'\"")

    def run(self, *words: str) -> str:
        return subprocess.run([WEIR, *words, "--state", self.state], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def aws(weir: Weir, *words: str) -> dict:
    print("$ aws", " ".join(words[:2]), "..." if len(words) > 2 else "")
    result = subprocess.run([AWS, "--endpoint-url", weir.env["AWS_ENDPOINT_URL"], "--output", "json", *words],
                            env=weir.env, text=True, capture_output=True)
    if result.returncode:
        raise SystemExit(f"demo: aws {' '.join(words)}:\n{result.stderr}")
    return json.loads(result.stdout) if result.stdout.strip() else {}


def train() -> pathlib.Path:
    model = OUT / "abalone.ubj"
    files = sorted((ROOT / "examples/abalone").glob("abalone.train_*.libsvm"))
    subprocess.run([BUILD / "train-abalone", "--output", model, *files], check=True)
    return model


def create_endpoint(weir: Weir, model: pathlib.Path) -> None:
    aws(weir, "sagemaker", "create-model", "--model-name", ENDPOINT,
        "--execution-role-arn", "arn:aws:iam::000000000000:role/any-role-will-do",
        "--primary-container", f"Image=weir/xgboost:latest,ModelDataUrl=file://{model}")
    aws(weir, "sagemaker", "create-endpoint-config", "--endpoint-config-name", ENDPOINT,
        "--production-variants", json.dumps([{
            "VariantName": VARIANT, "ModelName": ENDPOINT, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1}]))
    aws(weir, "sagemaker", "create-endpoint", "--endpoint-name", ENDPOINT, "--endpoint-config-name", ENDPOINT)
    while True:
        described = aws(weir, "sagemaker", "describe-endpoint", "--endpoint-name", ENDPOINT)
        if described["EndpointStatus"] == "InService":
            return
        if described["EndpointStatus"] == "Failed":
            raise SystemExit(f"demo: {described['FailureReason']}")
        time.sleep(0.5)


def create_policy(weir: Weir) -> None:
    aws(weir, "application-autoscaling", "register-scalable-target", *SCALABLE, "--min-capacity", "1",
        "--max-capacity", str(MAX_INSTANCES))
    aws(weir, "application-autoscaling", "put-scaling-policy", *SCALABLE, "--policy-name", "follow-the-load",
        "--policy-type", "TargetTrackingScaling", "--target-tracking-scaling-policy-configuration", json.dumps({
            "TargetValue": TARGET_PER_MINUTE, "ScaleInCooldown": SCALE_IN_WINDOW_S,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}))


def validation_rows() -> tuple[list[float], str]:
    truth, rows = [], []
    for line in (ROOT / "examples/abalone/abalone.validation.libsvm").read_text().splitlines():
        label, *features = line.split()
        truth.append(float(label))
        rows.append(",".join(feature.split(":")[1] for feature in features))
    return truth, "\n".join(rows)


def rmse_through_endpoint(weir: Weir) -> float:
    truth, rows = validation_rows()
    body, answer = OUT / "validation.csv", OUT / "predictions.csv"
    body.write_text(rows)
    aws(weir, "sagemaker-runtime", "invoke-endpoint", "--endpoint-name", ENDPOINT, "--content-type", "text/csv",
        "--body", f"fileb://{body}", str(answer))
    predictions = [float(line) for line in answer.read_text().split()]
    if len(predictions) != len(truth):
        raise SystemExit(f"demo: {len(truth)} rows sent, {len(predictions)} predictions came back")
    return math.sqrt(sum((p - t) ** 2 for p, t in zip(predictions, truth)) / len(truth))


class Watch:
    """Looks at the fleet once a second: for the live view, the report and the summary."""

    def __init__(self, weir: Weir):
        self.weir = weir
        self.began = time.monotonic()
        self.samples = []  # (t_s, wanted, in service, requests per second)
        self.finished = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def variant(self) -> dict:
        status = json.loads(self.weir.run("status", "--json"))
        endpoint, = [e for e in status["Endpoints"] if e["EndpointName"] == ENDPOINT]
        return endpoint["Variants"][0]

    def watch(self) -> None:
        while not self.finished.wait(1.0):
            variant = self.variant()
            self.samples.append((time.monotonic() - self.began, variant["DesiredInstanceCount"],
                                 variant["CurrentInstanceCount"], variant.get("InvocationsPerSecond", 0)))
            self.show()

    def show(self) -> None:
        t, wanted, in_service, rate = self.samples[-1]
        line = (f"{t:4.0f} s  {rate:6.0f} requests/s {'#' * min(40, round(rate / 15)):40}  "
                f"instances {in_service} of {wanted} {'o' * in_service}{'.' * max(0, wanted - in_service)}")
        if sys.stdout.isatty():
            print(f"\r{line}\033[K", end="", flush=True)
        elif round(t) % 5 == 0:
            print(line, flush=True)

    def wait_for_one_instance(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not (self.samples and self.samples[-1][1:3] == (1, 1)):
            time.sleep(0.5)

    def stop(self) -> None:
        self.finished.set()
        self.thread.join()
        print(flush=True)


def replay(weir: Weir) -> dict:
    _, rows = validation_rows()
    lines = OUT / "rows.txt"
    lines.write_text(rows + "\n")
    result = subprocess.run(
        [WEIR, "load", "--state", weir.state, "--endpoint", ENDPOINT, "--trace", TRACE, "--from", TRACE_FROM,
         "--to", TRACE_TO, "--speedup", str(SPEEDUP), "--scale", str(SCALE), "--body-lines", lines,
         "--content-type", "text/csv", "--timeline", OUT / "timeline.csv", "--json", "--quiet"],
        stdout=subprocess.PIPE, text=True)
    if not result.stdout:
        raise SystemExit("demo: weir load gave no result")
    return json.loads(result.stdout)


def summarise(load: dict, watch: Watch, activities: list, rmse: float, cost: dict) -> dict:
    counts = [in_service for _, _, in_service, _ in watch.samples]
    line, = cost["Lines"]
    return {
        "requests": load["requests"], "failed": load["failed"],
        "p50_ms": load["p50_ms"], "p99_ms": load["p99_ms"],
        "min_instances": min(counts), "max_instances": max(counts),
        "scale_out_activities": sum(1 for a in activities if direction(a) > 0),
        "scale_in_activities": sum(1 for a in activities if direction(a) < 0),
        "instance_seconds": round(line["InstanceSeconds"], 1),
        "static_peak_instance_seconds": round(line["StaticPeakInstanceSeconds"], 1),
        "rmse": round(rmse, 4),
    }


def direction(activity: dict) -> int:
    """+1 for a scale-out, -1 for a scale-in, by the numbers that the activity itself states."""
    details = json.loads(activity.get("Details") or "{}")
    return (details["to"] > details["from"]) - (details["to"] < details["from"]) if "to" in details else 0


def print_summary(summary: dict, activities: list) -> None:
    saved = 1 - summary["instance_seconds"] / summary["static_peak_instance_seconds"]
    print("\nScaling activities, oldest first:")
    for activity in reversed(activities):
        print(f"  {activity['Description']}  {activity['StatusCode']}\n    {activity['Cause']}")
    print(f"""
requests            {summary['requests']}, {summary['failed']} failed
latency             p50 {summary['p50_ms']:.1f} ms, p99 {summary['p99_ms']:.1f} ms
instances           {summary['min_instances']} to {summary['max_instances']}
scaling             {summary['scale_out_activities']} times out, {summary['scale_in_activities']} times in
instance-seconds    {summary['instance_seconds']:.0f}, against {summary['static_peak_instance_seconds']:.0f} for a fleet fixed at the peak: {saved:.0%} saved
model               RMSE {summary['rmse']:.3f} rings on the validation rows, through the endpoint

written: demo-out/summary.json, demo-out/report.svg""")


def write_report(watch: Watch, activities: list, began_wall: float) -> None:
    with open(OUT / "timeline.csv", newline="") as file:
        timeline = list(csv.DictReader(file))
    load = [(float(row["t_s"]), float(row["scheduled"])) for row in timeline]
    latency = [(float(row["t_s"]), float(row["p50_ms"]), float(row["p99_ms"])) for row in timeline if row["p50_ms"]]
    instances = [(t, wanted, in_service) for t, wanted, in_service, _ in watch.samples]
    marks = [epoch(activity["StartTime"]) - began_wall for activity in activities]
    caption = (f"weir demo: {TRACE_FROM[:10]} of a real load balancer's traffic, {SPEEDUP} times faster; "
               f"target {TARGET_PER_MINUTE} requests per instance and minute")
    (OUT / "report.svg").write_text(chart.report(load, instances, latency, marks, caption))


def epoch(text) -> float:
    """The CLI prints times as ISO 8601, older ones as seconds."""
    import datetime
    return text if isinstance(text, (int, float)) else datetime.datetime.fromisoformat(text).timestamp()


def demo() -> dict:
    model = train()
    weir = Weir()
    try:
        create_endpoint(weir, model)
        create_policy(weir)
        print(f"\nreplaying {TRACE_FROM} .. {TRACE_TO}, {SPEEDUP} times faster")
        began_wall, watch = time.time(), Watch(weir)
        try:
            load = replay(weir)
            watch.wait_for_one_instance(60)
        finally:
            watch.stop()
        rmse = rmse_through_endpoint(weir)
        activities = aws(weir, "application-autoscaling", "describe-scaling-activities", *SCALABLE)["ScalingActivities"]
        cost = json.loads(weir.run("cost", "--json"))
        summary = summarise(load, watch, activities, rmse, cost)
        write_report(watch, activities, began_wall)
    finally:
        weir.stop()
    (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print_summary(summary, activities)
    return summary


def main() -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    summary = demo()
    return 0 if summary["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
