"""Custom resources: capacity behind a URL follows bounds, policies, steps and schedules, and says what went wrong."""
import datetime
import json
import os
import pathlib
import re
import signal
import threading

import boto3.session
import botocore.exceptions
import botocore.session
import pytest

from capacity import Capacity
from conftest import eventually

NAMESPACE = {"ServiceNamespace": "custom-resource"}
MODELS = str(pathlib.Path(__file__).parent / "models")


def triple(url: str) -> dict:
    return {**NAMESPACE, "ResourceId": url, "ScalableDimension": "custom-resource:ResourceType:Property"}


@pytest.fixture
def capacity():
    resource = Capacity(actual=1)
    yield resource
    resource.close()


@pytest.fixture
def scaling(weir):
    core = botocore.session.get_session()
    core.set_config_variable("data_path", MODELS)  # metric math, which Debian's botocore does not know
    key_id, secret = weir.keys
    return boto3.session.Session(botocore_session=core).client(
        "application-autoscaling", endpoint_url=weir.url, region_name="us-east-1", aws_access_key_id=key_id,
        aws_secret_access_key=secret)


@pytest.fixture
def target(scaling, capacity):
    """The capacity as a scalable target, from 0 to 10."""
    scaling.register_scalable_target(**triple(capacity.url), MinCapacity=0, MaxCapacity=10)
    yield triple(capacity.url)
    scaling.deregister_scalable_target(**triple(capacity.url))


def activities(scaling, target: dict) -> list:
    return scaling.describe_scaling_activities(**target)["ScalingActivities"]


def newest(scaling, target: dict, status: str) -> dict:
    """The newest activity, when it has that status."""
    return eventually(lambda: [a for a in activities(scaling, target)[:1] if a["StatusCode"] == status], 60, status)[0]


class Metric:
    """Puts a value of a metric a few times a second until it is stopped."""

    def __init__(self, weir, **values):
        self.cloudwatch = weir.client("cloudwatch")
        self.values, self.done = values, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.wait(0.3):
            self.cloudwatch.put_metric_data(Namespace="Jobs", MetricData=[
                {"MetricName": name, "Value": value(), "StorageResolution": 1} for name, value in self.values.items()])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def test_bounds_are_set_by_patch(scaling, capacity, target):
    eventually(lambda: ("GET", "/v1/scalableTargetDimensions/1-23456789") in [r[:2] for r in capacity.requests])
    assert activities(scaling, target) == []
    scaling.register_scalable_target(**target, MinCapacity=3)
    done = newest(scaling, target, "Successful")
    assert (done["Description"], done["StatusMessage"]) == (
        "Setting desired capacity to 3.",
        "Successfully set desired capacity to 3. Change successfully fulfilled by custom-resource.")
    assert done["Cause"].startswith("minimum capacity was set to 3")
    assert (capacity.actual, capacity.patches()) == (3, [3])
    _, _, sent, headers = next(r for r in capacity.requests if r[0] == "PATCH")
    assert sent == {"desiredCapacity": 3}
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert "Authorization" not in headers


def test_target_tracking_of_metric_math_out_and_in(weir, scaling, capacity, target, tmp_path):
    metric = lambda name: {"Stat": "Average", "Metric": {"Namespace": "Jobs", "MetricName": name}}
    queries = [{"Id": "waiting", "MetricStat": metric("Waiting"), "ReturnData": False},
               {"Id": "workers", "MetricStat": metric("Workers"), "ReturnData": False},
               {"Id": "each", "Expression": "waiting / FILL(workers, REPEAT)", "Label": "jobs for each"}]
    put = scaling.put_scaling_policy(
        PolicyName="follow", PolicyType="TargetTrackingScaling", **target, TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 10.0, "ScaleInCooldown": 15, "CustomizedMetricSpecification": {"Metrics": queries}})
    described, = scaling.describe_scaling_policies(**target)["ScalingPolicies"]
    assert described["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"] == {"Metrics": queries}
    alarms = weir.client("cloudwatch").describe_alarms(AlarmNames=[a["AlarmName"] for a in put["Alarms"]])["MetricAlarms"]
    assert len(alarms) == 2
    for alarm in alarms:
        assert [q["Id"] for q in alarm["Metrics"]] == ["waiting", "workers", "each"]
        assert "MetricName" not in alarm

    load = {"jobs": 40.0}
    with Metric(weir, Waiting=lambda: load["jobs"], Workers=lambda: float(max(capacity.actual, 1))):
        eventually(lambda: capacity.actual == 4, 60, "40 jobs, 10 for each")
        out = eventually(lambda: [a for a in activities(scaling, target) if "each was" in a["Cause"]])[-1]
        assert "(metric math, target 10)" in out["Cause"]
        read = json.loads(out["Details"])["wishes"][0]["read"]
        assert set(read["points"]) == {"waiting", "workers", "each"}
        record = tmp_path / "record.json"
        record.write_text(out["Details"])
        assert weir.command("explain", "--replay", str(record)).stdout.startswith("the same decision: scaled out, from 1 to ")
        page = weir.command("explain", capacity.url).stdout
        assert "* follow (tracking): metric" in page and re.search(r"read over \d+ s each: waiting ", page), page
        load["jobs"] = 5.0
        eventually(lambda: capacity.actual == 1, 120, "5 jobs")
    assert capacity.patches()[-1] == 1


def test_steps_lead_out_of_nothing(weir, scaling, target, capacity):
    capacity.actual = capacity.desired = 0
    put = scaling.put_scaling_policy(
        PolicyName="wake", PolicyType="StepScaling", **target, StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}]})
    cloudwatch = weir.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="wake", Namespace="Jobs", MetricName="Refused", Statistic="Sum", Period=10, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[put["PolicyARN"]])
    assert [a["AlarmName"] for a in scaling.describe_scaling_policies(**target)["ScalingPolicies"][0]["Alarms"]] == ["wake"]
    with Metric(weir, Refused=lambda: 1.0):
        eventually(lambda: capacity.patches(), 60, "an alarm wakes it")
    assert capacity.patches()[0] == 2
    cloudwatch.delete_alarms(AlarmNames=["wake"])


def test_a_scheduled_action_changes_it(scaling, target, capacity):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    scaling.put_scheduled_action(**target, ScheduledActionName="up", Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
                                 ScalableTargetAction={"MinCapacity": 2})
    eventually(lambda: capacity.patches() == [2], 60, "scheduled")
    assert newest(scaling, target, "Successful")["Description"] == "Setting desired capacity to 2."


@pytest.mark.parametrize("broken, reason", [
    ((404, '{"message": "no such dimension"}'), "the custom resource answered with status code 404: no such dimension"),
    ((500, "<html>"), "the custom resource answered with status code 500"),
    ((302, ""), "the custom resource answered with status code 302"),  # and nobody goes elsewhere
    ((200, "[]"), "the answer is no JSON object"),
    ((200, '{"actualCapacity": -1, "desiredCapacity": 1, "scalingStatus": "Successful"}'),
     "the answer has no actualCapacity that is a number of 0 or more"),
    ((200, " " * 70000), "the custom resource did not answer"),
])
def test_what_cannot_be_read_is_told(scaling, capacity, broken, reason):
    capacity.broken = broken
    target = triple(capacity.url)
    scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=10)
    told = newest(scaling, target, "Failed")
    assert told["Description"] == "Reading actual and desired capacity."
    assert told["StatusMessage"].startswith(f"Failed to read capacity. Reason: {reason}")
    assert "/elsewhere" not in [path for _, path, _, _ in capacity.requests]
    assert capacity.patches() == []
    capacity.broken = None
    eventually(lambda: capacity.patches() == [2], 60, "the bounds are heeded when it is back")
    scaling.deregister_scalable_target(**target)


def test_nobody_there_and_nowhere_to_go(scaling, capacity):
    capacity.close()
    for url in capacity.url, "http://169.254.169.254/latest/meta-data/iam/":
        scaling.register_scalable_target(**triple(url), MinCapacity=2, MaxCapacity=10)
        told = newest(scaling, triple(url), "Failed")
        assert told["StatusMessage"].startswith("Failed to read capacity. Reason: the custom resource did not answer: ")
        scaling.deregister_scalable_target(**triple(url))


def test_a_change_that_fails_says_why(scaling, capacity, target):
    eventually(lambda: capacity.requests)
    capacity.status = "Failed"
    scaling.register_scalable_target(**target, MinCapacity=4)
    assert newest(scaling, target, "Failed")["StatusMessage"] == (
        "Failed to set desired capacity to 4. Reason: no machines left")


def test_what_is_no_url_is_refused(scaling):
    for url, message in [
            ("my-resource", "Unsupported service namespace"),
            ("file:///etc/passwd", "it must be the http:// or https:// URL"),
            ("http://user:secret@host/", "no user or password"),
            ("http://host/#fragment", "printable ASCII characters"),
            ("http:///", "must have a host")]:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            scaling.register_scalable_target(**triple(url), MinCapacity=1, MaxCapacity=2)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert message in caught.value.response["Error"]["Message"]
    assert scaling.describe_scalable_targets(**NAMESPACE)["ScalableTargets"] == []


def test_control_comes_back_to_it_when_killed(start_weir, capacity):
    weir = start_weir()
    scaling = weir.client("application-autoscaling")
    scaling.register_scalable_target(**triple(capacity.url), MinCapacity=2, MaxCapacity=10)
    newest(scaling, triple(capacity.url), "Successful")
    old = weir.children()["control"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: weir.children().get("control", old) != old)
    scaling.register_scalable_target(**triple(capacity.url), MinCapacity=3)
    eventually(lambda: capacity.actual == 3, 60)
    assert capacity.patches() == [2, 3]
    scaling.deregister_scalable_target(**triple(capacity.url))
    assert capacity.desired == 3
