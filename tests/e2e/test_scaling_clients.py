"""Every operation of Application Auto Scaling, right and wrong, through boto3 and each AWS CLI that is here.

What a client's own model does not know yet, Debian's is of 2023, it is told by models/; so all of them are asked for everything.
"""
import datetime
import json
import pathlib
import re

import boto3.session
import botocore.exceptions
import botocore.session
import pytest

from capacity import Capacity
from conftest import command_lines_of_aws, eventually

MODELS = str(pathlib.Path(__file__).parent / "models")
NAMESPACE = {"ServiceNamespace": "custom-resource"}
DIMENSION = "custom-resource:ResourceType:Property"
ROLE = "arn:aws:iam::000000000000:role/aws-service-role/custom-resource.application-autoscaling.amazonaws.com/" \
       "AWSServiceRoleForApplicationAutoScaling_CustomResource"


class Refused(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(code, message)
        self.code, self.message = code, message


def dashes(name: str) -> str:
    return re.sub("(?<!^)([A-Z])", r"-\1", name).lower()


class Boto3:
    def __init__(self, weir):
        core = botocore.session.get_session()
        core.set_config_variable("data_path", MODELS)
        key_id, secret = weir.keys
        self.client = boto3.session.Session(botocore_session=core).client(
            "application-autoscaling", endpoint_url=weir.url, region_name="us-east-1", aws_access_key_id=key_id,
            aws_secret_access_key=secret)

    def __call__(self, operation: str, **members) -> dict:
        try:
            answer = getattr(self.client, dashes(operation).replace("-", "_"))(**members)
        except botocore.exceptions.ClientError as error:
            raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        answer.pop("ResponseMetadata")
        return json.loads(json.dumps(answer, default=str))


class CommandLine:
    def __init__(self, weir, program: str):
        self.weir, self.program = weir, program
        self.env = {**weir.env, "AWS_DATA_PATH": MODELS}

    def __call__(self, operation: str, **members) -> dict:
        done = self.weir.aws("application-autoscaling", dashes(operation), "--no-paginate", "--output", "json",
                             "--cli-input-json", json.dumps(members), program=self.program, check=False, env=self.env)
        refused = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation: (.*)", done.stderr, re.S)
        if refused:
            assert done.returncode not in (0, 1, 2), done.stderr  # 254: the service refused
            raise Refused(refused[1], refused[2].strip())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}


@pytest.fixture(params=["boto3", *command_lines_of_aws()])
def call(weir, request):
    return Boto3(weir) if request.param == "boto3" else CommandLine(weir, request.param)


@pytest.fixture
def capacity():
    resource = Capacity(actual=1)
    yield resource
    resource.close()


@pytest.fixture
def here(call, capacity):
    """A registered target's names."""
    target = {**NAMESPACE, "ResourceId": capacity.url, "ScalableDimension": DIMENSION}
    call("RegisterScalableTarget", **target, MinCapacity=1, MaxCapacity=5)
    yield target
    call("DeregisterScalableTarget", **target)


def refusal(call, operation: str, **members) -> tuple:
    with pytest.raises(Refused) as caught:
        call(operation, **members)
    return caught.value.code, caught.value.message


def check_refusals(call, operation: str, here: dict, cases: list):
    """Through boto3 all of them; through a command line, which takes a second each time, one for each error."""
    if isinstance(call, CommandLine):
        cases = {code: (wrong, code, message) for wrong, code, message in reversed(cases)}.values()
    for wrong, code, message in cases:
        said = refusal(call, operation, **{**here, **wrong})
        assert said[0] == code, said
        assert message in said[1]


def seconds(time) -> float:
    """Clients write times as they came, or as text."""
    return time if isinstance(time, (int, float)) else datetime.datetime.fromisoformat(time).timestamp()


def no_target(verb: str, here: dict, **other) -> str:
    t = {**here, **other}
    return (f"No scalable target {verb} for service namespace: {t['ServiceNamespace']}, resource ID: {t['ResourceId']}, "
            f"scalable dimension: {t['ScalableDimension']}")


def tracking(target: float, metric: str = "m", **more) -> dict:
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": target, "CustomizedMetricSpecification": {
            "Namespace": "Own", "MetricName": metric, "Statistic": "Average",
            "Dimensions": [{"Name": "a", "Value": "b"}]}, **more}}


def metrics(*queries) -> dict:
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5.0, "CustomizedMetricSpecification": {"Metrics": list(queries)}}}


def stat(id_: str, returned: bool, statistic: str = "Sum") -> dict:
    return {"Id": id_, "ReturnData": returned, "MetricStat": {
        "Stat": statistic, "Metric": {"Namespace": "Own", "MetricName": id_, "Dimensions": [{"Name": "a", "Value": "b"}]}}}


STEPS = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {
    "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 2, "Cooldown": 60,
    "MetricAggregationType": "Maximum", "StepAdjustments": [
        {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 50},
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 10}]}}


# --- targets ----------------------------------------------------------------------------------------


def test_targets(call, here):
    registered = call("RegisterScalableTarget", **here, MaxCapacity=7, SuspendedState={"DynamicScalingInSuspended": True})
    arn = registered["ScalableTargetARN"]
    assert re.fullmatch("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/[a-z0-9]{36}", arn)
    target, = call("DescribeScalableTargets", **NAMESPACE, ResourceIds=[here["ResourceId"]],
                   ScalableDimension=DIMENSION)["ScalableTargets"]
    assert target.pop("CreationTime")
    assert target == {**here, "MinCapacity": 1, "MaxCapacity": 7, "RoleARN": ROLE, "ScalableTargetARN": arn,
                      "SuspendedState": {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False,
                                         "ScheduledScalingSuspended": False}}
    assert call("DescribeScalableTargets", **NAMESPACE, ResourceIds=["http://h/none"]) == {"ScalableTargets": []}
    assert call("DescribeScalableTargets", ServiceNamespace="ecs") == {"ScalableTargets": []}


def test_wrong_targets(call, here):
    bounds = {"MinCapacity": 1, "MaxCapacity": 2}
    invalid = "ValidationException"
    check_refusals(call, "RegisterScalableTarget", {**here, "ResourceId": "http://h/other"}, [
        ({}, invalid, "MinCapacity and MaxCapacity are required"),
        ({"MinCapacity": 1}, invalid, "MinCapacity and MaxCapacity are required"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, invalid, "Maximum capacity cannot be less than minimum capacity"),
        ({"MinCapacity": -1, "MaxCapacity": 2}, invalid, "MinCapacity must be at least 0"),
        ({**bounds, "RoleARN": "me"}, invalid, "RoleARN 'me' is not an ARN"),
        ({**bounds, "ResourceId": "x"}, invalid, "Unsupported service namespace, resource type or scalable dimension"),
        ({**bounds, "ResourceId": "ftp://h/"}, invalid, "is not scalable. Reason: it must be the http:// or https:// URL"),
        ({**bounds, "ServiceNamespace": "dynamodb"}, invalid, "Unsupported service namespace"),
        ({**bounds, "ServiceNamespace": "no-such"}, invalid,
         "1 validation error detected: Value 'no-such' at 'serviceNamespace' failed to satisfy constraint: Member must "
         "satisfy enum value set: ["),
        ({**bounds, "ServiceNamespace": "sagemaker", "ResourceId": "inference-component/c",
          "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}, invalid,
         "this server has no inference components"),
        ({**bounds, "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v",
          "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}, invalid,
         "this server has no serverless variants"),
        ({**bounds, "Tags": {"weir:pace": "slow"}}, invalid, "is fast or aws"),
        ({**bounds, "Tags": {"aws:x": "y"}}, invalid, "must not begin with aws:")])
    assert refusal(call, "RegisterScalableTarget", **here, Tags={"a": "b"}) == (
        invalid, "The scalable target that you tried to tag already exists. To update tags on an existing scalable target, "
        "use the TagResource API.")
    gone = {**here, "ResourceId": "http://h/none"}
    assert refusal(call, "DeregisterScalableTarget", **gone) == ("ObjectNotFoundException", no_target("found", gone))
    check_refusals(call, "DescribeScalableTargets", NAMESPACE, [
        ({"ScalableDimension": DIMENSION}, invalid, "ScalableDimension can only be specified together with ResourceIds"),
        ({"ResourceIds": ["x"], "ScalableDimension": "ecs:service:DesiredCount"}, invalid, "Unsupported service namespace"),
        ({"MaxResults": -1}, invalid, "MaxResults must not be negative"),
        ({"ResourceIds": ["x"] * 51}, invalid, "Member must have length less than or equal to 50"),
        ({"NextToken": "made-up"}, "InvalidNextTokenException", "The NextToken value is not valid.")])


# --- policies ---------------------------------------------------------------------------------------


def test_policies(call, here):
    put = call("PutScalingPolicy", **here, PolicyName="track", **tracking(70.5, ScaleOutCooldown=0, DisableScaleIn=True))
    assert put["PolicyARN"].endswith(f":resource/custom-resource/{here['ResourceId']}:policyName/track")
    assert [re.sub("-[0-9a-f-]{36}$", "", a["AlarmName"]) for a in put["Alarms"]] == [
        f"TargetTracking-{here['ResourceId']}-AlarmHigh"]
    assert call("PutScalingPolicy", **here, PolicyName="steps", **STEPS)["Alarms"] == []
    math = metrics(stat("m1", False, "p99"), stat("m2", False), {"Id": "e", "Label": "each", "Expression": "m1 / m2"})
    assert len(call("PutScalingPolicy", **here, PolicyName="math", **math)["Alarms"]) == 2

    policies = call("DescribeScalingPolicies", **here)["ScalingPolicies"]
    assert [p["PolicyName"] for p in policies] == ["math", "steps", "track"]
    for policy, given in zip(policies, [math, STEPS, tracking(70.5, ScaleOutCooldown=0, DisableScaleIn=True)]):
        member = f"{given['PolicyType']}PolicyConfiguration"
        assert (policy["PolicyType"], policy[member]) == (given["PolicyType"], given[member])
        assert {k: policy[k] for k in here} == here
        assert policy["CreationTime"]
    assert policies[2]["Alarms"] == put["Alarms"]

    # an update keeps the ARN and makes other alarms; what it leaves out and is required stays
    again = call("PutScalingPolicy", **here, PolicyName="track", PolicyType="TargetTrackingScaling",
                 TargetTrackingScalingPolicyConfiguration={"TargetValue": 60.0})
    assert again["PolicyARN"] == put["PolicyARN"]
    assert len(again["Alarms"]) == 2 and put["Alarms"][0] not in again["Alarms"]
    updated, = call("DescribeScalingPolicies", **NAMESPACE, PolicyNames=["track"])["ScalingPolicies"]
    assert updated["TargetTrackingScalingPolicyConfiguration"] == tracking(60.0)["TargetTrackingScalingPolicyConfiguration"]

    first = call("DescribeScalingPolicies", **NAMESPACE, MaxResults=2)
    assert [p["PolicyName"] for p in first["ScalingPolicies"]] == ["math", "steps"]
    second = call("DescribeScalingPolicies", **NAMESPACE, MaxResults=5, NextToken=first["NextToken"])
    assert [p["PolicyName"] for p in second["ScalingPolicies"]] == ["track"]
    assert "NextToken" not in second
    assert refusal(call, "DescribeScalingPolicies", **NAMESPACE, PolicyNames=["track"], NextToken=first["NextToken"]) == (
        "InvalidNextTokenException", "The NextToken value is not valid.")
    for name in "math", "steps", "track":
        assert call("DeleteScalingPolicy", **here, PolicyName=name) == {}
    assert call("DescribeScalingPolicies", **here) == {"ScalingPolicies": []}


def test_wrong_policies(call, here):
    invalid = "ValidationException"
    steps = lambda **changes: {**STEPS, "StepScalingPolicyConfiguration": {
        **STEPS["StepScalingPolicyConfiguration"], **changes}}
    check_refusals(call, "PutScalingPolicy", {**here, "PolicyName": "p"}, [
        ({}, invalid, "PolicyType is required to create a scaling policy"),
        ({"PolicyType": "StepScaling"}, invalid, "StepScalingPolicyConfiguration is required"),
        ({"PolicyType": "NoScaling"}, invalid, "Member must satisfy enum value set: ["),
        (tracking(0), invalid, "TargetValue must be greater than 0"),
        (tracking(1e110), invalid, "TargetValue must not be greater than 2^360"),
        (tracking(1, ScaleInCooldown=-1), invalid, "A cooldown must not be negative"),
        (tracking(1, PredefinedMetricSpecification={"PredefinedMetricType": "ALBRequestCountPerTarget"}), invalid,
         "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified"),
        ({"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 1, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}}, invalid,
         f"is not supported for the scalable dimension {DIMENSION}"),
        ({**tracking(1), **{k: v for k, v in STEPS.items() if k != "PolicyType"}}, invalid,
         "StepScalingPolicyConfiguration is not valid for a policy of type TargetTrackingScaling"),
        (steps(MinAdjustmentMagnitude=0), invalid, "MinAdjustmentMagnitude must be greater than 0"),
        (steps(AdjustmentType="ExactCapacity"), invalid, "MinAdjustmentMagnitude is only valid with"),
        (steps(StepAdjustments=[]), invalid, "At least one step adjustment is required"),
        (steps(StepAdjustments=[{"ScalingAdjustment": 1}]), invalid, "needs at least one of"),
        (steps(StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 5.0, "ScalingAdjustment": 1},
                                {"MetricIntervalLowerBound": 6.0, "ScalingAdjustment": 2}]), invalid, "no gap"),
        (metrics(), invalid, "Metrics has from 1 to 20 elements"),
        (metrics(stat("M1", True)), invalid, "The value M1 for parameter Id"),
        (metrics(stat("m1", True), stat("m2", True)), invalid, "Exactly one element of the metrics list should return data"),
        (metrics(stat("m1", False), {"Id": "e", "Expression": "m1 +"}), invalid, "Error in expression 'e'"),
        (metrics(stat("m1", False), {"Id": "e", "Expression": "SEARCH('{N} x', 'Sum', 60)"}), invalid, "SEARCH"),
        (metrics({**stat("m1", True), "Label": "x" * 60000}), invalid, "must not have more than 51200 bytes"),
        ({"ResourceId": "http://h/none", **tracking(1)}, "ObjectNotFoundException",
         no_target("registered", here, ResourceId="http://h/none"))])
    call("PutScalingPolicy", **here, PolicyName="p", **tracking(1))
    check_refusals(call, "PutScalingPolicy", {**here, "PolicyName": "p"}, [
        (STEPS, invalid, "The type of a scaling policy cannot be changed"),
        ({**tracking(2), "PolicyName": "q"}, invalid,
         "Only one TargetTrackingScaling policy for a given metric specification is allowed.")])
    assert refusal(call, "DeleteScalingPolicy", **here, PolicyName="q") == (
        "ObjectNotFoundException", "No scaling policy found for service namespace: custom-resource, resource ID: "
        f"{here['ResourceId']}, scalable dimension: {DIMENSION}, policy name: q")
    assert refusal(call, "DescribeScalingPolicies", **NAMESPACE, ScalableDimension=DIMENSION)[0] == invalid
    assert refusal(call, "DescribeScalingPolicies", **NAMESPACE, PolicyNames=["x"] * 51)[0] == invalid


# --- scheduled actions ------------------------------------------------------------------------------


def test_scheduled_actions(call, here):
    assert call("PutScheduledAction", **here, ScheduledActionName="b", Schedule="cron(0 8 ? * MON-FRI *)",
                Timezone="Europe/Berlin", StartTime=1893456000, EndTime=1924992000,
                ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 4}) == {}
    call("PutScheduledAction", **here, ScheduledActionName="a", Schedule="rate(2 days)",
         ScalableTargetAction={"MaxCapacity": 4})
    first = call("DescribeScheduledActions", **here, MaxResults=1)
    assert [a["ScheduledActionName"] for a in first["ScheduledActions"]] == ["a"]
    last = call("DescribeScheduledActions", **here, NextToken=first["NextToken"])["ScheduledActions"]
    assert [(a["ScheduledActionName"], a["Schedule"], a["Timezone"], a["ScalableTargetAction"]) for a in last] == [
        ("b", "cron(0 8 ? * MON-FRI *)", "Europe/Berlin", {"MinCapacity": 2, "MaxCapacity": 4})]
    assert (seconds(last[0]["StartTime"]), seconds(last[0]["EndTime"])) == (1893456000, 1924992000)
    assert last[0]["ScheduledActionARN"].endswith(
        f":resource/custom-resource/{here['ResourceId']}:scheduledActionName/b")
    call("PutScheduledAction", **here, ScheduledActionName="b", ScalableTargetAction={"MinCapacity": 3})
    kept, = call("DescribeScheduledActions", **NAMESPACE, ScheduledActionNames=["b"])["ScheduledActions"]
    assert "StartTime" not in kept and kept["Timezone"] == "Europe/Berlin"
    for name in "a", "b":
        assert call("DeleteScheduledAction", **here, ScheduledActionName=name) == {}
    assert call("DescribeScheduledActions", **NAMESPACE) == {"ScheduledActions": []}


def test_wrong_scheduled_actions(call, here):
    invalid = "ValidationException"
    right = {**here, "ScheduledActionName": "s", "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}
    check_refusals(call, "PutScheduledAction", right, [
        ({"Schedule": "rate(0 days)"}, invalid, "Invalid schedule expression rate(0 days)"),
        ({"Schedule": "cron(0 0 30 2 ? *)"}, invalid, "there is no such date"),
        ({"Schedule": "at(2030-13-01T00:00:00)"}, invalid, "Invalid schedule expression"),
        ({"Timezone": "Mars/Phobos"}, invalid, "Invalid time zone: Mars/Phobos"),
        ({"ScalableTargetAction": {}}, invalid,
         "At least one of minimum capacity and maximum capacity should be provided"),
        ({"ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}}, invalid, "Maximum capacity cannot be less"),
        ({"StartTime": 2000000000, "EndTime": 1900000000}, invalid, "StartTime must be before EndTime"),
        ({"ScheduledActionName": "a:b"}, invalid, "Member must satisfy regular expression pattern"),
        ({"ResourceId": "http://h/none"}, "ObjectNotFoundException",
         no_target("registered", here, ResourceId="http://h/none"))])
    incomplete = {k: v for k, v in right.items() if k != "Schedule"}
    assert refusal(call, "PutScheduledAction", **incomplete) == (
        invalid, "Schedule is required to create a scheduled action")
    assert refusal(call, "DeleteScheduledAction", **here, ScheduledActionName="s") == (
        "ObjectNotFoundException", "No scheduled action found for service namespace: custom-resource, resource ID: "
        f"{here['ResourceId']}, scalable dimension: {DIMENSION}, scheduled action name: s")
    assert refusal(call, "DescribeScheduledActions", **NAMESPACE, ScalableDimension=DIMENSION)[0] == invalid


# --- activities -------------------------------------------------------------------------------------


def test_activities(call, here, capacity):
    assert call("DescribeScalingActivities", **here) == {"ScalingActivities": []}
    call("RegisterScalableTarget", **here, MinCapacity=2)
    ended = lambda: [a for a in call("DescribeScalingActivities", **here)["ScalingActivities"] if "EndTime" in a]
    activity = eventually(ended, 60)[0]
    assert {k: activity[k] for k in here} == here
    assert (activity["Description"], activity["StatusCode"], activity["StatusMessage"]) == (
        "Setting desired capacity to 2.", "Successful",
        "Successfully set desired capacity to 2. Change successfully fulfilled by custom-resource.")
    assert re.fullmatch("[0-9a-f-]{36}", activity["ActivityId"])
    assert seconds(activity["StartTime"]) <= seconds(activity["EndTime"])
    assert capacity.patches() == [2]
    with_reasons = call("DescribeScalingActivities", **here, IncludeNotScaledActivities=True)["ScalingActivities"]
    assert activity in with_reasons
    check_refusals(call, "DescribeScalingActivities", NAMESPACE, [
        ({"ScalableDimension": DIMENSION}, "ValidationException",
         "ScalableDimension can only be specified together with ResourceId"),
        ({"NextToken": "00"}, "InvalidNextTokenException", "The NextToken value is not valid."),
        ({"MaxResults": -3}, "ValidationException", "MaxResults must not be negative")])


# --- tags -------------------------------------------------------------------------------------------


def test_tags(call, here):
    arn = call("RegisterScalableTarget", **here)["ScalableTargetARN"]
    assert call("ListTagsForResource", ResourceARN=arn) == {"Tags": {}}
    assert call("TagResource", ResourceARN=arn, Tags={"team": "blue", "empty": ""}) == {}
    assert call("ListTagsForResource", ResourceARN=arn) == {"Tags": {"team": "blue", "empty": ""}}
    assert call("UntagResource", ResourceARN=arn, TagKeys=["team", "unknown"]) == {}
    assert call("ListTagsForResource", ResourceARN=arn) == {"Tags": {"empty": ""}}
    assert refusal(call, "TagResource", ResourceARN=arn, Tags={f"k{i}": "v" for i in range(50)}) == (
        "TooManyTagsException", "A scalable target has at most 50 tags, which this request would exceed")
    assert refusal(call, "TagResource", ResourceARN=arn, Tags={"AWS:x": "y"})[0] == "ValidationException"
    assert refusal(call, "ListTagsForResource", ResourceARN="arn:aws:s3:::bucket")[0] == "ValidationException"
    other = arn[:-1] + ("b" if arn.endswith("a") else "a")
    for operation, members in [("TagResource", {"Tags": {"a": "b"}}), ("UntagResource", {"TagKeys": ["a"]}),
                               ("ListTagsForResource", {})]:
        assert refusal(call, operation, ResourceARN=other, **members) == (
            "ResourceNotFoundException", f"No scalable target found for ARN: {other}")


def test_errors_of_tags_name_the_resource(weir):
    arn = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/none"
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        Boto3(weir).client.list_tags_for_resource(ResourceARN=arn)
    assert caught.value.response["ResourceName"] == arn


@pytest.mark.parametrize("program", command_lines_of_aws())
def test_the_command_lines_own_options(weir, capacity, tmp_path, program):
    """As people type it; the URL from a file, as CLI version 1 takes one on the command line for a page to load."""
    url = tmp_path / "id.txt"
    url.write_text(capacity.url)
    names = ["--service-namespace", "custom-resource", "--scalable-dimension", DIMENSION, "--resource-id", f"file://{url}"]

    def aws(*words) -> dict:
        done = weir.aws("application-autoscaling", *words, program=program)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    aws("register-scalable-target", *names, "--min-capacity", "0", "--max-capacity", "10",
        "--suspended-state", "DynamicScalingInSuspended=true")
    aws("put-scaling-policy", *names, "--policy-name", "steps", "--policy-type", "StepScaling",
        "--step-scaling-policy-configuration",
        "AdjustmentType=ChangeInCapacity,StepAdjustments=[{MetricIntervalLowerBound=0,ScalingAdjustment=1}]")
    aws("put-scheduled-action", *names, "--scheduled-action-name", "nightly", "--schedule", "cron(0 22 * * ? *)",
        "--timezone", "Asia/Tokyo", "--scalable-target-action", "MinCapacity=0,MaxCapacity=2")
    assert aws("describe-scalable-targets", "--service-namespace", "custom-resource")["ScalableTargets"][0][
        "ResourceId"] == capacity.url
    assert aws("describe-scaling-policies", "--service-namespace", "custom-resource", "--query",
               "ScalingPolicies[].PolicyName") == ["steps"]
    assert aws("describe-scheduled-actions", "--service-namespace", "custom-resource", "--query",
               "ScheduledActions[].Timezone") == ["Asia/Tokyo"]
    aws("deregister-scalable-target", *names)
    assert aws("describe-scaling-policies", "--service-namespace", "custom-resource") == {"ScalingPolicies": []}
