"""Metrics: what is kept across restarts, and what a scraper sees."""
import datetime
import os
import signal
import subprocess
import urllib.error
import urllib.request

import pytest
from prometheus_client.openmetrics import parser as openmetrics

from conftest import eventually

UTC = datetime.timezone.utc


def put(weir, name: str, values: list, at: datetime.datetime, namespace: str = "Mine"):
    weir.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[{
        "MetricName": name, "Timestamp": at, "Values": values, "Unit": "Count", "StorageResolution": 1}])


def total(weir, name: str, at: datetime.datetime, namespace: str = "Mine") -> float:
    """The sum of the minute that `at` is in."""
    start = at.replace(second=0, microsecond=0)
    points = weir.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=name, StartTime=start, EndTime=start + datetime.timedelta(minutes=1),
        Period=60, Statistics=["Sum"])["Datapoints"]
    return points[0]["Sum"] if points else None


def kill_control(weir):
    before = weir.children()["control"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: weir.children().get("control", before) != before, why="control came back")
    eventually(lambda: answers(weir), why="control answers")


def answers(weir) -> bool:
    try:
        weir.client("cloudwatch").list_metrics()
        return True
    except Exception:  # noqa: BLE001 - whatever a client says while control is away
        return False


def test_metrics_outlive_control_and_a_torn_file(weir):
    at = datetime.datetime.now(UTC) - datetime.timedelta(minutes=5)
    put(weir, "kept", [1, 2, 3.5], at)
    folder = weir.state / "metrics"
    eventually(lambda: any(b"kept" in f.read_bytes() for f in folder.iterdir()), why="the second is on disk")

    kill_control(weir)
    assert total(weir, "kept", at) == 6.5
    put(weir, "kept", [4], at)
    assert total(weir, "kept", at) == 10.5

    assert weir.stop() == 0
    newest = max(folder.iterdir())
    with open(newest, "ab") as file:
        file.write(b"\x40\x00\x00\x00torn")
    weir.start()
    assert total(weir, "kept", at) == 10.5
    assert "end of a segment left out" in weir.log()


def scrape(weir, accept: str = "", headers: dict = None) -> tuple[str, str]:
    """Content type and text of GET /metrics."""
    request = urllib.request.Request(f"{weir.url}/metrics", headers={**({"Accept": accept} if accept else {}),
                                                                     **(headers or {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def value(text: str, name: str, **labels: str) -> float:
    """The one sample of that name whose labels include these; None if there is none."""
    for line in text.splitlines():
        if (line.startswith((f"{name}{{", f"{name} ")) and
                all(f'{key}="{wanted}"' in line for key, wanted in labels.items())):
            return float(line.rsplit(" ", 1)[1])
    return None


def test_prometheus_can_scrape(weir, model_file):
    weir.make_endpoint("scraped", model_url=f"file://{model_file}")
    row = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385"
    runtime = weir.client("sagemaker-runtime")
    for _ in range(3):
        runtime.invoke_endpoint(EndpointName="scraped", ContentType="text/csv", Body=row)

    def seen():
        kind, text = scrape(weir)
        assert kind == "text/plain; version=0.0.4; charset=utf-8"
        return text if value(text, "weir_requests_total", endpoint="scraped") == 3 else None

    text = eventually(seen, why="three requests are counted")
    labels = {"endpoint": "scraped", "variant": "AllTraffic"}
    assert value(text, "weir_instances", state="in_service", **labels) == 1
    assert value(text, "weir_desired_instances", **labels) == 1
    assert value(text, "weir_request_duration_seconds_count", **labels) == 3
    assert value(text, "weir_request_duration_seconds_bucket", le="+Inf", **labels) == 3
    assert value(text, "weir_model_latency_seconds_sum", **labels) > 0
    assert value(text, "weir_endpoint_status", endpoint="scraped", status="InService") == 1
    assert value(text, "weir_instance_seconds_total", instance_type="ml.m5.large", **labels) > 0
    assert value(text, "weir_cost_usd_total", instance_type="ml.m5.large", **labels) > 0
    assert value(text, "weir_proxy_connected") == 1
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    assert lint.returncode == 0 and not lint.stderr, lint.stdout + lint.stderr

    kind, text = scrape(weir, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(text)}
    assert families["weir_requests"].type == "counter"
    assert families["weir_queue_duration_seconds"].type == "histogram"


def test_who_may_scrape(start_weir):
    weir = start_weir("--metrics", "off", state="off")
    with pytest.raises(urllib.error.HTTPError) as refused:
        scrape(weir)
    assert refused.value.code in (403, 404)  # as any path that is not there
    assert weir.stop() == 0
    weir = start_weir("--metrics", "open", state="open")
    assert "weir_build_info" in scrape(weir)[1]


def test_target_groups_have_a_balancer_s_metrics(weir, model_file):
    """Zeros while nothing happens, so that alarms keep judging."""
    weir.make_endpoint("balanced", model_url=f"file://{model_file}")
    dimensions = [{"Name": "TargetGroup", "Value": "targetgroup/balanced/AllTraffic"},
                  {"Name": "LoadBalancer", "Value": "app/weir/weir"}]

    def latest(metric: str, statistic: str):
        now = datetime.datetime.now(UTC)
        points = weir.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApplicationELB", MetricName=metric, Dimensions=dimensions, Period=60,
            StartTime=now - datetime.timedelta(minutes=3), EndTime=now + datetime.timedelta(minutes=1),
            Statistics=[statistic])["Datapoints"]
        return max(points, key=lambda p: p["Timestamp"]) if points else None

    healthy = eventually(lambda: latest("HealthyHostCount", "Maximum"), why="a first report")
    assert healthy["Maximum"] == 1 and healthy["Unit"] == "Count"
    for metric in ("RequestCount", "HTTPCode_Target_2XX_Count", "HTTPCode_Target_5XX_Count",
                   "TargetConnectionErrorCount", "UnHealthyHostCount", "RequestCountPerTarget"):
        assert latest(metric, "Sum")["Sum"] == 0
