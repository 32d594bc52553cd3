"""Predictive scaling: two days of history go in, a forecast comes out, and the fleet has what it needs beforehand.

Debian's boto3 is older than the operation, so that calls are made as newer clients make them; newer AWS CLIs, where there is
one, are asked too."""
import datetime
import json
import re
import subprocess

import pytest

from conftest import command_lines_of_aws, eventually
from test_autoscaling import activities, call, triple

HOURS = 48
PAIR = {"PredefinedMetricPairSpecification": {"PredefinedMetricType": "SageMakerVariantInvocations"}}


def predictive(specification: dict, target: float = 10, **more) -> dict:
    return {"PolicyName": "ahead", "PolicyType": "PredictiveScaling", "PredictiveScalingPolicyConfiguration": {
        "MetricSpecifications": [{"TargetValue": target, **specification}], **more}}


def metric(namespace: str, name: str, statistic: str) -> dict:
    return {"MetricDataQueries": [{"Id": "m", "ReturnData": True, "MetricStat": {
        "Metric": {"Namespace": namespace, "MetricName": name}, "Stat": statistic}}]}


def customized(namespace: str) -> dict:
    """Jobs by the hour, how busy nodes are, and how many there are; jobs come in two metrics."""
    stat = metric(namespace, "small", "Sum")["MetricDataQueries"][0]
    return {
        "CustomizedLoadMetricSpecification": {"MetricDataQueries": [
            {**stat, "Id": "small", "ReturnData": False},
            {**metric(namespace, "large", "Sum")["MetricDataQueries"][0], "Id": "large", "ReturnData": False},
            {"Id": "jobs", "Expression": "small + 10 * large", "Label": "jobs", "ReturnData": True}]},
        "CustomizedScalingMetricSpecification": metric(namespace, "busy", "Average"),
        "CustomizedCapacityMetricSpecification": metric(namespace, "nodes", "Average")}


def remember(weir, namespace: str, hours: int = HOURS):
    """3000 jobs an hour keep 2 nodes 15 percent busy: at 10 percent that is work for 3."""
    this_hour = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
    data = [{"MetricName": name, "Timestamp": this_hour - datetime.timedelta(hours=hour), "Value": value}
            for hour in range(1, hours + 1)
            for name, value in (("small", 1000), ("large", 200), ("busy", 15), ("nodes", 2))]
    for first in range(0, len(data), 100):
        weir.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data[first:first + 100])


def forecast(weir, endpoint: str, hours: float = 24) -> dict:
    now = datetime.datetime.now().timestamp()
    answer = call(weir, "GetPredictiveScalingForecast", **triple(endpoint), PolicyName="ahead",
                  StartTime=now - 3600, EndTime=now + hours * 3600)
    assert isinstance(answer, dict), answer
    return answer


def target_of(weir, endpoint: str) -> dict:
    return call(weir, "DescribeScalableTargets", ServiceNamespace="sagemaker",
                ResourceIds=[triple(endpoint)["ResourceId"]])["ScalableTargets"][0]


@pytest.fixture
def endpoint(weir, model_file, request):
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[:40].strip("-")
    weir.make_endpoint(name, model_url=f"file://{model_file}")
    weir.client("application-autoscaling").register_scalable_target(**triple(name), MinCapacity=1, MaxCapacity=4)
    yield name
    weir.wait_endpoint(name)
    weir.client("sagemaker").delete_endpoint(EndpointName=name)


def test_history_becomes_a_forecast_and_instances(weir, endpoint, tmp_path):
    remember(weir, endpoint)
    put = call(weir, "PutScalingPolicy", **triple(endpoint),
               **predictive(customized(endpoint), Mode="ForecastAndScale"))
    assert put["Alarms"] == []
    seen = eventually(lambda: (answer := forecast(weir, endpoint)).get("UpdateTime") and answer)
    load, = seen["LoadForecast"]
    assert load["MetricSpecification"] == {"TargetValue": 10, **customized(endpoint)}
    assert load["Values"] == pytest.approx([3000] * len(load["Values"]))
    assert len(load["Timestamps"]) >= 24
    assert all(at % 3600 == 0 for at in load["Timestamps"])
    assert seen["CapacityForecast"] == {"Timestamps": load["Timestamps"], "Values": [3] * len(load["Values"])}
    assert target_of(weir, endpoint)["PredictedCapacity"] == 3

    scaled = eventually(lambda: activities(weir.client("application-autoscaling"), endpoint))[-1]
    assert re.fullmatch(
        r"predictive scaling policy ahead was triggered\. A load of 3000 is forecast for the hour from "
        r"\d{4}-\d\d-\d\dT\d\d:00Z, of which an instance takes 1000 \(target 10\): 30 / 10 rounded up is 3, wanted "
        r"\d+ s before; within 1 to 4, the desired count goes from 1 to 3\.", scaled["Cause"])
    weir.wait_endpoint(endpoint)
    eventually(lambda: weir.client("sagemaker").describe_endpoint(
        EndpointName=endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 3)

    page = weir.command("explain", endpoint).stdout
    assert "ahead (forecast): load 3000 forecast for the hour from" in page
    assert "ceil(30 / 10) = 3: wants 3" in page
    record = tmp_path / "record.json"
    record.write_text(weir.command("explain", endpoint, "--json").stdout)
    assert "the same decision: scaled out, from 1 to 3" in weir.command("explain", "--replay", str(record)).stdout


def test_what_is_forecast_becomes_metrics(weir, endpoint):
    remember(weir, endpoint)
    call(weir, "PutScalingPolicy", **triple(endpoint), **predictive(customized(endpoint)))
    cloudwatch = weir.client("cloudwatch")
    dimensions = [{"Name": "ResourceId", "Value": triple(endpoint)["ResourceId"]}]
    found = eventually(lambda: (metrics := cloudwatch.list_metrics(
        Namespace="AWS/ApplicationAutoScaling", Dimensions=dimensions)["Metrics"]) and metrics)
    names = {"ResourceId", "ServiceNamespace", "PolicyName", "ScalableDimension"}
    assert {m["MetricName"]: {d["Name"] for d in m["Dimensions"]} for m in found} == {
        "PredictiveScalingLoadForecast": names | {"PairIndex"},
        "PredictiveScalingCapacityForecast": names}  # a load that never changes correlates with nothing
    capacity = next(m for m in found if m["MetricName"] == "PredictiveScalingCapacityForecast")
    now = datetime.datetime.now(datetime.timezone.utc)
    points = cloudwatch.get_metric_statistics(**capacity, StartTime=now - datetime.timedelta(hours=2), EndTime=now,
                                              Period=3600, Statistics=["Maximum"])["Datapoints"]
    assert {point["Maximum"] for point in points} == {3}


def test_a_forecast_only_shows_and_survives_a_restart(start_weir, model_file):
    weir = start_weir()
    weir.make_endpoint("calm", model_url=f"file://{model_file}")
    scaling = weir.client("application-autoscaling")
    scaling.register_scalable_target(**triple("calm"), MinCapacity=1, MaxCapacity=4)
    remember(weir, "calm")
    call(weir, "PutScalingPolicy", **triple("calm"), **predictive(customized("calm")))
    before = eventually(lambda: (answer := forecast(weir, "calm")).get("UpdateTime") and answer)
    assert weir.stop() == 0
    weir.start()
    after = forecast(weir, "calm")
    assert after["UpdateTime"] == before["UpdateTime"]
    assert after["CapacityForecast"]["Values"][-20:] == before["CapacityForecast"]["Values"][-20:]
    assert target_of(weir, "calm")["PredictedCapacity"] == 3
    assert activities(weir.client("application-autoscaling"), "calm") == []


def test_less_than_a_day_is_no_history(weir, endpoint):
    remember(weir, endpoint, 20)
    call(weir, "PutScalingPolicy", **triple(endpoint), **predictive(customized(endpoint), Mode="ForecastAndScale"))
    answer = forecast(weir, endpoint)
    assert answer["LoadForecast"][0]["Values"] == []
    assert answer["CapacityForecast"] == {"Timestamps": [], "Values": []}
    assert "UpdateTime" not in answer
    assert "PredictedCapacity" not in target_of(weir, endpoint)


def test_the_maximum_is_raised(weir, endpoint):
    scaling = weir.client("application-autoscaling")
    scaling.register_scalable_target(**triple(endpoint), MaxCapacity=2)
    remember(weir, endpoint)
    call(weir, "PutScalingPolicy", **triple(endpoint), **predictive(
        customized(endpoint), Mode="ForecastAndScale", MaxCapacityBreachBehavior="IncreaseMaxCapacity",
        MaxCapacityBuffer=50))
    eventually(lambda: target_of(weir, endpoint)["MaxCapacity"] == 5)
    assert "Setting max capacity to 5" in [x["Description"] for x in activities(scaling, endpoint)]
    eventually(lambda: weir.client("sagemaker").describe_endpoint(
        EndpointName=endpoint)["ProductionVariants"][0]["DesiredInstanceCount"] == 3)


def test_policies_are_shown_and_deleted(weir, endpoint):
    for specification in (PAIR, customized(endpoint)):
        policy = predictive(specification, SchedulingBufferTime=0, Mode="ForecastOnly")
        call(weir, "PutScalingPolicy", **triple(endpoint), **policy)
        shown, = call(weir, "DescribeScalingPolicies", **triple(endpoint))["ScalingPolicies"]
        assert {key: shown[key] for key in policy} == policy
        assert shown["Alarms"] == [] and "Forecast" not in shown
    call(weir, "DeleteScalingPolicy", **triple(endpoint), PolicyName="ahead")
    assert call(weir, "DescribeScalingPolicies", **triple(endpoint))["ScalingPolicies"] == []


def test_what_cannot_be_is_refused_and_changes_nothing(weir, endpoint):
    def with_queries(*queries):
        return {**customized(endpoint), "CustomizedLoadMetricSpecification": {"MetricDataQueries": list(queries)}}

    stat = metric("N", "m", "Sum")["MetricDataQueries"][0]
    for members, message in [
            (predictive({}), "there must be exactly one load metric"),
            (predictive(PAIR, target=0), "TargetValue must be greater than 0"),
            (predictive(PAIR, SchedulingBufferTime=3600), "SchedulingBufferTime must be less than"),
            (predictive(PAIR, SchedulingBufferTime=3601), "Member must have value less than or equal to 3600"),
            (predictive(PAIR, Mode="Maybe"), "Member must satisfy enum value set: [ForecastOnly, ForecastAndScale]"),
            (predictive(PAIR, MaxCapacityBuffer=5), "MaxCapacityBuffer is only valid when"),
            (predictive(PAIR, MaxCapacityBreachBehavior="IncreaseMaxCapacity"), "MaxCapacityBuffer is required"),
            (predictive({**PAIR, **customized(endpoint)}), "must not name other metrics"),
            (predictive({"PredefinedMetricPairSpecification": {"PredefinedMetricType": "ALBRequestCount"}}),
             "The metric type ALBRequestCount is not supported for predictive scaling"),
            (predictive(with_queries()), "Metrics has from 1 to 20 elements"),
            (predictive(with_queries({**stat, "Id": "M"})), "expected pattern"),
            (predictive(with_queries({**stat, "Expression": "m"})), "Exactly one of MetricStat and Expression"),
            (predictive(with_queries({**stat, "ReturnData": False})), "should return data"),
            (predictive(with_queries({**stat, "ReturnData": False}, {"Id": "e", "Expression": "SUM(m)"})),
             "must be a single time series"),
            ({**predictive(PAIR), "PolicyType": "StepScaling"}, "is not valid for a policy of type StepScaling"),
            ({"PolicyName": "ahead", "PolicyType": "PredictiveScaling"}, "is required to create a scaling policy")]:
        code, said = call(weir, "PutScalingPolicy", **triple(endpoint), **members)
        assert code == "ValidationException"
        assert message in said
    two = predictive(PAIR)
    two["PredictiveScalingPolicyConfiguration"]["MetricSpecifications"] *= 2
    assert "exactly one metric specification" in call(weir, "PutScalingPolicy", **triple(endpoint), **two)[1]
    assert call(weir, "DescribeScalingPolicies", **triple(endpoint))["ScalingPolicies"] == []


def test_forecasts_that_cannot_be_had_are_refused(weir, endpoint):
    day = 86400
    now = datetime.datetime.now().timestamp()
    call(weir, "PutScalingPolicy", **triple(endpoint), **predictive(PAIR))
    for members, message in [
            ({"StartTime": now, "EndTime": now}, "StartTime must be before EndTime"),
            ({"StartTime": now, "EndTime": now + 31 * day}, "at most 30 days"),
            ({"StartTime": now - 366 * day, "EndTime": now - 365 * day}, "one year before now"),
            ({"EndTime": now}, "Value null at 'startTime'"),
            ({"StartTime": now, "EndTime": now + 1, "PolicyName": "behind"}, "No scaling policy of type PredictiveScaling found")]:
        code, said = call(weir, "GetPredictiveScalingForecast", **{**triple(endpoint), "PolicyName": "ahead", **members})
        assert code == "ValidationException"
        assert message in said
    assert call(weir, "GetPredictiveScalingForecast", **triple(endpoint), PolicyName="ahead", StartTime="now",
                EndTime=now)[0] == "SerializationException"


def test_newer_command_lines_show_a_forecast(weir, endpoint):
    remember(weir, endpoint)
    names = ["--service-namespace", "sagemaker", "--resource-id", triple(endpoint)["ResourceId"],
             "--scalable-dimension", triple(endpoint)["ScalableDimension"], "--policy-name", "ahead"]
    now = datetime.datetime.now(datetime.timezone.utc)
    knowing = [program for program in command_lines_of_aws() if subprocess.run(
        [program, "application-autoscaling", "get-predictive-scaling-forecast", "--generate-cli-skeleton"],
        capture_output=True, env=weir.env).returncode == 0]
    for program in knowing:
        weir.aws("application-autoscaling", "put-scaling-policy", *names, "--policy-type", "PredictiveScaling",
                 "--predictive-scaling-policy-configuration",
                 json.dumps(predictive(customized(endpoint))["PredictiveScalingPolicyConfiguration"]), program=program)

        def shown():
            answer = json.loads(weir.aws(
                "application-autoscaling", "get-predictive-scaling-forecast", *names, "--start-time", now.isoformat(),
                "--end-time", (now + datetime.timedelta(hours=24)).isoformat(), "--output", "json",
                program=program).stdout)
            return answer["CapacityForecast"]["Values"]

        assert set(eventually(shown)) == {3.0}
        targets = json.loads(weir.aws("application-autoscaling", "describe-scalable-targets", "--service-namespace",
                                      "sagemaker", "--output", "json", program=program).stdout)["ScalableTargets"]
        assert 3 in [t.get("PredictedCapacity") for t in targets]
