"""A variant with MinCapacity 0: idle, it has no instance; the next request is held and answered. When no instance comes, the
client is told."""
import concurrent.futures
import json
import os
import signal
import stat
import time

import botocore.config
import botocore.exceptions
import pytest

from conftest import WEIR, eventually
from test_autoscaling import CONCURRENCY, INVOCATIONS, activities, refusal, tracking, triple

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385\n"


def runtime(weir, timeout_s: float = 120):
    return weir.client("sagemaker-runtime", config=botocore.config.Config(
        retries={"max_attempts": 0}, read_timeout=timeout_s, max_pool_connections=50))


def invoke(client, endpoint: str) -> str:
    answer = client.invoke_endpoint(EndpointName=endpoint, Body=ROW, ContentType="text/csv")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    return answer["Body"].read().decode()


def variant(weir, endpoint: str) -> dict:
    described = weir.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    return {**described["ProductionVariants"][0], "status": described["EndpointStatus"]}


def is_empty(weir, endpoint: str) -> bool:
    now = variant(weir, endpoint)
    return (now["CurrentInstanceCount"], now["DesiredInstanceCount"], now["status"]) == (0, 0, "InService")


def make_sleeper(weir, endpoint: str, metric: str, target: float, most: int = 4, **model):
    """An endpoint that has gone to zero."""
    scaling = weir.client("application-autoscaling")
    weir.make_endpoint(endpoint, **model)
    scaling.register_scalable_target(**triple(endpoint), MinCapacity=0, MaxCapacity=most)
    scaling.put_scaling_policy(PolicyName="idle", **triple(endpoint), **tracking(target, metric, ScaleInCooldown=15))
    eventually(lambda: is_empty(weir, endpoint), 90, "idle, it goes to zero")


def newest_out(weir, endpoint: str) -> dict:
    found = activities(weir.client("application-autoscaling"), endpoint)
    return next(a for a in found if json.loads(a["Details"])["to"] > json.loads(a["Details"])["from"])


def test_idle_it_goes_to_zero_and_the_next_request_is_answered(weir, model_file, tmp_path):
    make_sleeper(weir, "sleeper", INVOCATIONS, 600, model_url=f"file://{model_file}")
    to_zero = activities(weir.client("application-autoscaling"), "sleeper")[0]
    assert to_zero["Description"] == "Setting desired instance count to 0."
    assert "-AlarmLow-" in to_zero["Cause"]

    def shown() -> tuple:
        found, = [e["Variants"][0] for e in weir.status()["Endpoints"] if e["EndpointName"] == "sleeper"]
        return found["CurrentInstanceCount"], found["DesiredInstanceCount"], found["Instances"]

    eventually(lambda: shown() == (0, 0, []), 60, "the last instance has ended")
    assert to_zero["Cause"] in weir.command("status").stdout

    first = invoke(runtime(weir), "sleeper")
    assert float(first) > 0
    woken = newest_out(weir, "sleeper")
    assert "1 request is waiting and no instance is in service" in woken["Cause"]
    assert "the desired count goes from 0 to 1." in woken["Cause"]
    assert "requests that wait (queue): 1 wait" in weir.command("explain", "sleeper").stdout
    record = tmp_path / "record.json"
    record.write_text(woken["Details"])
    assert weir.command("explain", "--replay", str(record)).stdout == "the same decision: scaled out, from 0 to 1\n"
    eventually(lambda: newest_out(weir, "sleeper")["StatusCode"] == "Successful")
    eventually(lambda: is_empty(weir, "sleeper"), 90, "and back to zero")

    # while it has no instance its metrics are zeros, and those that found none are counted
    cloudwatch = weir.client("cloudwatch")

    def total(metric: str) -> float:
        data = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=metric, StartTime=time.time() - 3600, EndTime=time.time() + 60,
            Period=3600, Statistics=["Sum"], Dimensions=[{"Name": "EndpointName", "Value": "sleeper"},
                                                         {"Name": "VariantName", "Value": "AllTraffic"}])
        return sum(point["Sum"] for point in data["Datapoints"])

    eventually(lambda: total("NoCapacityInvocationFailures") == 1)
    assert total("Invocations") == 1
    assert total("Invocation5XXErrors") == 0


def test_many_who_come_to_an_empty_house_are_all_answered(weir, model_file):
    make_sleeper(weir, "crowd", CONCURRENCY, 5, model_url=f"file://{model_file}")
    client = runtime(weir)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: invoke(client, "crowd"), range(20)))
    assert len(set(answers)) == 1
    assert "waiting and no instance is in service" in newest_out(weir, "crowd")["Cause"]


def test_control_that_dies_while_it_is_empty_knows_and_wakes_it(start_weir, model_file):
    weir = start_weir()
    make_sleeper(weir, "kept", INVOCATIONS, 600, model_url=f"file://{model_file}")
    control = weir.children()["control"]
    os.kill(control, signal.SIGKILL)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # comes while nobody is there to hear of it
        answer = pool.submit(invoke, runtime(weir), "kept")
        eventually(lambda: weir.children().get("control") not in (None, control))
        assert float(answer.result(120)) > 0


def test_a_server_that_does_not_start_is_told_and_one_that_starts_again_serves(weir, model_file, tmp_path):
    broken = tmp_path / "broken"
    script = tmp_path / "server"
    script.write_text(f"#!/bin/sh\n[ -e {broken} ] && exit 7\nexec {WEIR} model-server\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    make_sleeper(weir, "broken", INVOCATIONS, 600, image=f"command:{script}", model_url=f"file://{model_file}")
    broken.touch()
    code, message = refuse(weir, "broken")
    assert code == 503
    assert message == "No instance could be started. DescribeEndpoint tells why."
    described = weir.client("sagemaker").describe_endpoint(EndpointName="broken")
    assert described["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in described["FailureReason"]
    broken.unlink()
    eventually(lambda: variant(weir, "broken")["CurrentInstanceCount"] == 1, 120, "launching goes on")
    assert float(invoke(runtime(weir), "broken")) > 0


def refuse(weir, endpoint: str) -> tuple[int, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        invoke(runtime(weir), endpoint)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def test_zero_by_hand_needs_a_target_that_allows_it(weir, model_file):
    sagemaker, scaling = weir.client("sagemaker"), weir.client("application-autoscaling")
    weir.make_endpoint("hand", model_url=f"file://{model_file}")
    zero = {"EndpointName": "hand", "DesiredWeightsAndCapacities": [
        {"VariantName": "AllTraffic", "DesiredInstanceCount": 0}]}
    code, message = refusal(sagemaker.update_endpoint_weights_and_capacities, **zero)
    assert code == "ValidationException"
    assert "at least 1" in message and "MinCapacity 0" in message
    scaling.register_scalable_target(**triple("hand"), MinCapacity=0, MaxCapacity=2)
    sagemaker.update_endpoint_weights_and_capacities(**zero)
    eventually(lambda: is_empty(weir, "hand"))
    assert float(invoke(runtime(weir), "hand")) > 0
    eventually(lambda: variant(weir, "hand")["status"] == "InService")
    sagemaker.update_endpoint_weights_and_capacities(**zero)
    eventually(lambda: is_empty(weir, "hand"))
    scaling.deregister_scalable_target(**triple("hand"))
    code, message = refuse(weir, "hand")
    assert (code, message) == (503, "The variant has no instance, and none is wanted.")


def test_a_schedule_may_empty_it(weir, model_file):
    scaling = weir.client("application-autoscaling")
    weir.make_endpoint("nightly", model_url=f"file://{model_file}")
    scaling.register_scalable_target(**triple("nightly"), MinCapacity=1, MaxCapacity=2)
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 4))
    scaling.put_scheduled_action(**triple("nightly"), ScheduledActionName="night", Schedule=f"at({soon})",
                                 ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0})
    eventually(lambda: is_empty(weir, "nightly"))
    assert refuse(weir, "nightly")[1] == "The variant has no instance, and none is wanted."


def test_deploy_may_start_with_a_minimum_of_zero(weir, model_file):
    weir.command("deploy", "small", "--model", str(model_file), "--min", "0", "--max", "2", "--target-concurrency", "4",
                 "--wait")
    assert variant(weir, "small")["CurrentInstanceCount"] == 1
    target, = weir.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[triple("small")["ResourceId"]])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)
    refused = weir.command("deploy", "none", "--model", str(model_file), "--min", "0", check=False)
    assert refused.returncode == 2 and "--min 0 needs" in refused.stderr
