"""Application Auto Scaling, and the alarms that come with it: every operation, what is refused, and a fleet that follows
real load out and in."""
import datetime
import json
import math
import os
import re
import signal
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from conftest import Load, command_lines_of_aws, eventually

NAMESPACE = {"ServiceNamespace": "sagemaker"}
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
CONCURRENCY = "SageMakerVariantConcurrentRequestsPerModelHighResolution"


def triple(endpoint: str) -> dict:
    return {**NAMESPACE, "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic", "ScalableDimension": DIMENSION}


def tracking(target: float, metric: str = INVOCATIONS, **more) -> dict:
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}, **more}}


def call(weir, operation: str, **members):
    """An operation as newer clients than Debian's send it; returns the answer, or (error name, message)."""
    key_id, secret = weir.keys
    request = botocore.awsrequest.AWSRequest(
        method="POST", url=weir.url + "/", data=json.dumps(members),
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AnyScaleFrontendService.{operation}"})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key_id, secret), "application-autoscaling",
                            "us-east-1").add_auth(request)
    try:
        sent = urllib.request.Request(weir.url + "/", request.data.encode(), dict(request.headers), method="POST")
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
        return body["__type"], body["Message"]


@pytest.fixture
def scaling(weir):
    return weir.client("application-autoscaling")


@pytest.fixture
def endpoint(weir, model_file, request):
    """The name of an endpoint of the test's own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[:40].strip("-")
    weir.make_endpoint(name, model_url=f"file://{model_file}")
    yield name
    weir.client("sagemaker").delete_endpoint(EndpointName=name)


def refusal(operation, **members) -> tuple[str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        operation(**members)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def activities(scaling, endpoint: str) -> list:
    return scaling.describe_scaling_activities(**triple(endpoint))["ScalingActivities"]


def alarms_of(weir, endpoint: str) -> list:
    return weir.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"TargetTracking-endpoint/{endpoint}/variant/AllTraffic-")["MetricAlarms"]


# --- objects ----------------------------------------------------------------------------------------


def test_a_target_is_registered_updated_described_and_deregistered(scaling, endpoint):
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    scaling.register_scalable_target(**triple(endpoint), MaxCapacity=4,
                                     SuspendedState={"DynamicScalingInSuspended": True})
    target, = scaling.describe_scalable_targets(
        **NAMESPACE, ResourceIds=[triple(endpoint)["ResourceId"]])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["SuspendedState"] == {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False,
                                        "ScheduledScalingSuspended": False}
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    scaling.deregister_scalable_target(**triple(endpoint))
    assert endpoint not in str(scaling.describe_scalable_targets(**NAMESPACE)["ScalableTargets"])
    assert refusal(scaling.deregister_scalable_target, **triple(endpoint)) == (
        "ObjectNotFoundException", "No scalable target found for service namespace: sagemaker, resource ID: "
        f"{triple(endpoint)['ResourceId']}, scalable dimension: {DIMENSION}")


def test_a_target_that_cannot_be_is_refused(scaling, endpoint):
    for members, message in [
            ({}, "MinCapacity and MaxCapacity are required"),
            ({"MinCapacity": 3, "MaxCapacity": 2}, "Maximum capacity cannot be less than minimum capacity"),
            ({"MinCapacity": -1, "MaxCapacity": 2}, "MinCapacity must be at least 0"),
            ({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "endpoint/no-such/variant/v"}, "is not scalable"),
            ({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "table/x"}, "Unsupported service namespace"),
            ({"MinCapacity": 1, "MaxCapacity": 2, "ServiceNamespace": "ecs"}, "Unsupported service namespace"),
            ({"MinCapacity": 1, "MaxCapacity": 2, "RoleARN": "me"}, "RoleARN"),
            ({"ScalableDimension": "x"}, "Member must satisfy enum value set: [")]:
        code, said = refusal(scaling.register_scalable_target, **{**triple(endpoint), **members})
        assert code == "ValidationException"
        assert message in said
    assert scaling.describe_scalable_targets(
        **NAMESPACE, ResourceIds=[triple(endpoint)["ResourceId"]])["ScalableTargets"] == []


def test_policies_their_pages_and_their_alarms(weir, scaling, endpoint):
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    put = scaling.put_scaling_policy(PolicyName="calls", **triple(endpoint), **tracking(70))
    call(weir, "PutScalingPolicy", PolicyName="flight", **triple(endpoint),
         **tracking(2, CONCURRENCY, DisableScaleIn=True))
    assert f":resource/sagemaker/{triple(endpoint)['ResourceId']}:policyName/calls" in put["PolicyARN"]

    pages = scaling.get_paginator("describe_scaling_policies").paginate(
        **triple(endpoint), PaginationConfig={"PageSize": 1})
    policies = [policy for page in pages for policy in page["ScalingPolicies"]]
    assert [policy["PolicyName"] for policy in policies] == ["calls", "flight"]
    assert policies[0]["Alarms"] == put["Alarms"]
    assert policies[0]["TargetTrackingScalingPolicyConfiguration"] == tracking(70)[
        "TargetTrackingScalingPolicyConfiguration"]

    found = alarms_of(weir, endpoint)
    assert [(a["Threshold"], a["ComparisonOperator"]) for a in found] == sorted(
        [(70, "GreaterThanThreshold"), (2, "GreaterThanThreshold"), (63, "LessThanThreshold")],
        key=lambda wanted: next(a["AlarmName"] for a in found if a["Threshold"] == wanted[0]))
    for alarm in found:
        assert alarm["AlarmActions"][0].split(":createdBy/")[0] in [p["PolicyARN"] for p in policies]
        assert alarm["AlarmDescription"] == ("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
                                             f"{alarm['AlarmActions'][0]}.")

    scaling.delete_scaling_policy(PolicyName="flight", **triple(endpoint))
    assert len(alarms_of(weir, endpoint)) == 2
    scaling.deregister_scalable_target(**triple(endpoint))
    assert alarms_of(weir, endpoint) == []
    assert scaling.describe_scaling_policies(**triple(endpoint))["ScalingPolicies"] == []


def test_policies_that_cannot_be_are_refused(scaling, endpoint):
    put = scaling.put_scaling_policy
    here = {**triple(endpoint), "PolicyName": "p"}
    assert refusal(put, **here, **tracking(1)) == (
        "ObjectNotFoundException", "No scalable target registered for service namespace: sagemaker, resource ID: "
        f"{triple(endpoint)['ResourceId']}, scalable dimension: {DIMENSION}")
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    for wrong, message in [
            ({"PolicyType": "StepScaling"}, "StepScalingPolicyConfiguration is required"),
            ({}, "PolicyType is required"),
            (tracking(0), "TargetValue must be greater than 0"),
            (tracking(1, "ALBRequestCountPerTarget"), "ALBRequestCountPerTarget is not supported"),
            (tracking(1, ScaleInCooldown=-5), "cooldown"),
            (tracking(1, CustomizedMetricSpecification={
                "MetricName": "m", "Namespace": "n", "Statistic": "Sum"}), "Exactly one of")]:
        code, said = refusal(put, **here, **wrong)
        assert code == "ValidationException"
        assert message in said
    put(**here, **tracking(1))
    assert refusal(put, **{**here, "PolicyName": "q"}, **tracking(2))[1] == (
        "Only one TargetTrackingScaling policy for a given metric specification is allowed.")
    assert refusal(scaling.delete_scaling_policy, **{**here, "PolicyName": "q"})[0] == "ObjectNotFoundException"
    assert refusal(scaling.describe_scaling_policies, **NAMESPACE, NextToken="x") == (
        "InvalidNextTokenException", "The NextToken value is not valid.")


def test_a_tag_changes_the_pace(weir, scaling, endpoint):
    registered = call(weir, "RegisterScalableTarget", **triple(endpoint), MinCapacity=1, MaxCapacity=2,
                      Tags={"team": "blue", "weir:pace": "aws"})
    arn = registered["ScalableTargetARN"]
    scaling.put_scaling_policy(PolicyName="p", **triple(endpoint), **tracking(70))
    periods = lambda: [(a["Period"], a["EvaluationPeriods"]) for a in alarms_of(weir, endpoint)]  # high, low
    assert periods() == [(60, 3), (60, 15)]
    assert call(weir, "TagResource", ResourceARN=arn, Tags={"weir:pace": "fast"}) == {}
    assert periods()[0] == (1, 3)
    assert call(weir, "UntagResource", ResourceARN=arn, TagKeys=["weir:pace"]) == {}
    assert call(weir, "ListTagsForResource", ResourceARN=arn) == {"Tags": {"team": "blue"}}
    assert call(weir, "TagResource", ResourceARN=arn, Tags={"weir:pace": "slow"})[0] == "ValidationException"
    assert call(weir, "RegisterScalableTarget", **triple(endpoint), Tags={"a": "b"})[0] == "ValidationException"
    assert call(weir, "ListTagsForResource", ResourceARN=arn[:-1] + "!")[0] == "ValidationException"
    other = arn[:-1] + ("b" if arn.endswith("a") else "a")
    assert call(weir, "ListTagsForResource", ResourceARN=other) == (
        "ResourceNotFoundException", f"No scalable target found for ARN: {other}")


def test_a_scheduled_action_is_put_updated_described_and_deleted(weir, scaling, endpoint):
    here = {**triple(endpoint), "ScheduledActionName": "mornings"}
    assert refusal(scaling.put_scheduled_action, **here, Schedule="rate(1 day)",
                   ScalableTargetAction={"MinCapacity": 2})[0] == "ObjectNotFoundException"
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    start = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    scaling.put_scheduled_action(**here, Schedule="cron(0 8 ? * MON-FRI *)", Timezone="Europe/Berlin", StartTime=start,
                                 ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3})
    describe = lambda: scaling.describe_scheduled_actions(**triple(endpoint))["ScheduledActions"]
    action, = describe()
    assert action["StartTime"] == start
    assert action["ScheduledActionARN"].endswith(
        f":resource/sagemaker/{triple(endpoint)['ResourceId']}:scheduledActionName/mornings")
    scaling.put_scheduled_action(**here, ScalableTargetAction={"MaxCapacity": 2})
    action, = describe()
    assert "StartTime" not in action
    assert (action["Schedule"], action["Timezone"], action["ScalableTargetAction"]) == (
        "cron(0 8 ? * MON-FRI *)", "Europe/Berlin", {"MaxCapacity": 2})
    for wrong, message in [
            ({"Schedule": "cron(0 0 31 2 ? *)"}, "there is no such date"),
            ({"Schedule": "at(2030-02-29T00:00:00)"}, "there is no such date"),
            ({"Timezone": "Europe/Nowhere"}, "Invalid time zone: Europe/Nowhere"),
            ({"ScalableTargetAction": {}}, "At least one of minimum capacity and maximum capacity"),
            ({"ScheduledActionName": "a/b"}, "Member must satisfy regular expression pattern")]:
        code, said = refusal(scaling.put_scheduled_action, **{**here, **wrong})
        assert code == "ValidationException"
        assert message in said
    assert describe() == [action]
    for program in command_lines_of_aws():
        listed = weir.aws("application-autoscaling", "describe-scheduled-actions", "--service-namespace", "sagemaker",
                          "--resource-id", triple(endpoint)["ResourceId"], program=program).stdout
        assert [a["ScheduledActionName"] for a in json.loads(listed)["ScheduledActions"]] == ["mornings"]
    scaling.delete_scheduled_action(**here)
    assert describe() == []
    assert refusal(scaling.delete_scheduled_action, **here)[0] == "ObjectNotFoundException"


# --- scaling ----------------------------------------------------------------------------------------


def test_registering_brings_the_count_within_the_bounds(weir, scaling, endpoint):
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=2, MaxCapacity=3)
    activity, = eventually(lambda: activities(scaling, endpoint))
    assert activity["Cause"].startswith("minimum capacity was set to 2")
    assert {"from": 1, "to": 2}.items() <= json.loads(activity["Details"]).items()
    eventually(lambda: activities(scaling, endpoint)[0]["StatusCode"] == "Successful")


def test_instances_follow_a_scheduled_minimum(weir, scaling, endpoint):
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    soon = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=5)
    scaling.put_scheduled_action(**triple(endpoint), ScheduledActionName="up", Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
                                 ScalableTargetAction={"MinCapacity": 2})
    count, bounds = eventually(lambda: [
        found for found in [activities(scaling, endpoint)] if found and found[0]["StatusCode"] == "Successful"
        and len(found) == 2])[0]
    assert (bounds["Description"], bounds["StatusMessage"], bounds["Cause"], bounds["StatusCode"]) == (
        "Setting min capacity to 2", "Successfully set min capacity to 2", "scheduled action name up was triggered",
        "Successful")
    assert bounds["StartTime"] >= soon
    assert count["Description"] == "Setting desired instance count to 2."
    assert count["Cause"].startswith("minimum capacity was set to 2")
    assert weir.wait_endpoint(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_the_fleet_follows_the_load_out_and_in(weir, scaling, endpoint, tmp_path):
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=1, MaxCapacity=3)
    put = scaling.put_scaling_policy(PolicyName="follow", **triple(endpoint), **tracking(850, ScaleInCooldown=15))
    high, low = [alarm["AlarmName"] for alarm in put["Alarms"]]

    def newest(description: str, status: str = "Successful"):
        found = activities(scaling, endpoint)
        return found and found[0]["Description"] == description and found[0]["StatusCode"] == status and found

    load = Load(weir, endpoint, tmp_path, rate=40)  # 2400 a minute: 3 instances
    outs = eventually(lambda: newest("Setting desired instance count to 3."), 30, "out")[::-1]
    for out in outs:  # one, or two if the load began within a second
        assert out["Cause"].startswith(f"monitor alarm {high} in state ALARM triggered policy follow. ")
        metric, n, wanted, to = re.search(
            r"InvocationsPerInstance was ([0-9.]+) over the last \d+ s \(Sum per minute, target 850\) with (\d) instances? "
            r"in service: \2 x \1 / 850 rounded up is (\d+); within 1 to 3, the desired count goes from \d to (\d)\.$",
            out["Cause"]).groups()
        assert math.ceil(int(n) * float(metric) / 850) == int(wanted)
        assert json.loads(out["Details"])["to"] == int(to) == min(int(wanted), 3)  # more, if a machine that slept catches up
    assert json.loads(outs[0]["Details"])["from"] == 1
    assert out["Cause"] in weir.command("status").stdout

    states = lambda: {a["AlarmName"]: a["StateValue"] for a in alarms_of(weir, endpoint)}
    eventually(lambda: states()[high] != "ALARM", 30, "three are enough")
    result = load.finish()
    assert result["failed"] == 0

    down = eventually(lambda: newest("Setting desired instance count to 1."), 120, "in")[0]
    assert down["Cause"].startswith(f"monitor alarm {low} in state ALARM triggered policy follow. ")
    assert "stayed below 765 for 15 s" in down["Cause"]
    assert json.loads(down["Details"])["to"] == 1
    assert weir.wait_endpoint(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert states()[low] == "ALARM"
    why = [a for a in alarms_of(weir, endpoint) if a["AlarmName"] == low][0]
    assert why["StateReason"].startswith("Threshold Crossed: ")
    assert json.loads(why["StateReasonData"])["threshold"] == 765

    told = call(weir, "DescribeScalingActivities", **triple(endpoint), IncludeNotScaledActivities=True)
    assert {a["ActivityId"] for a in activities(scaling, endpoint)} <= {
        a["ActivityId"] for a in told["ScalingActivities"]}
    for program in command_lines_of_aws():
        listed = weir.aws("application-autoscaling", "describe-scaling-activities", "--service-namespace", "sagemaker",
                          "--resource-id", triple(endpoint)["ResourceId"], program=program).stdout
        assert out["Cause"] in [a["Cause"] for a in json.loads(listed)["ScalingActivities"]]
        shown = weir.aws("cloudwatch", "describe-alarms", "--alarm-names", high, low, program=program).stdout
        assert len(json.loads(shown)["MetricAlarms"]) == 2


def test_control_forgets_nothing_of_it_when_killed(start_weir, model_file):
    weir = start_weir()
    weir.make_endpoint("kept", model_url=f"file://{model_file}")
    scaling = weir.client("application-autoscaling")
    scaling.register_scalable_target(**triple("kept"), MinCapacity=2, MaxCapacity=3)
    scaling.put_scaling_policy(PolicyName="p", **triple("kept"), **tracking(70))
    eventually(lambda: [a["StatusCode"] for a in activities(scaling, "kept")] == ["Successful"])
    ask = lambda: [scaling.describe_scalable_targets(**NAMESPACE)["ScalableTargets"],
                   scaling.describe_scaling_policies(**NAMESPACE)["ScalingPolicies"], activities(scaling, "kept")]
    before, old = ask(), weir.children()["control"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: weir.children().get("control", old) != old)
    assert ask() == before
    assert len(alarms_of(weir, "kept")) == 2
    scaling.deregister_scalable_target(**triple("kept"))
