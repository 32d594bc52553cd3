"""Metrics: what is kept across restarts, and what a scraper sees."""
import datetime
import os
import signal

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
