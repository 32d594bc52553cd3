"""No request is lost: by scaling, by a control plane that dies, by a proxy's restart; one instance's death costs at most
what it had in flight."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import WEIR, Load, eventually

RATE = 100 if "debug" in WEIR else 500  # sanitized builds are several times slower
CAP = 8  # requests in flight at an instance: what its death may cost, however busy the machine is


@pytest.fixture
def loaded(weir, model_file, tmp_path, request):
    """An endpoint of the test's own, under load."""
    name = request.node.name.replace("_", "-")[:40].strip("-")
    weir.make_endpoint(name, model_url=f"file://{model_file}", environment={"WEIR_CONCURRENCY_MAX": str(CAP)})
    load = Load(weir, name, tmp_path, RATE)
    eventually(lambda: variant_of(weir, name).get("InvocationsPerSecond", 0) > 0, why="the load flows")
    yield name, load
    if load.process.poll() is None:
        load.process.kill()
        load.process.communicate()
    weir.client("sagemaker").delete_endpoint(EndpointName=name)


def variant_of(weir, name: str) -> dict:
    endpoint, = [e for e in weir.status()["Endpoints"] if e["EndpointName"] == name]
    return endpoint["Variants"][0]


def pids_in_service(weir, name: str) -> dict:
    return {i["InstanceId"]: int(i["Handle"].split(":")[0]) for i in variant_of(weir, name)["Instances"] if i["State"] == "InService"}


def scale(weir, name: str, count: int):
    weir.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": count}])
    described = weir.wait_endpoint(name)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == count


def test_scaling_loses_nothing(weir, loaded):
    name, load = loaded
    begun = time.monotonic()
    for _ in range(10):
        scale(weir, name, 4)
        scale(weir, name, 1)
    flowed_s = time.monotonic() - begun
    result = load.finish()
    assert result["requests"] > RATE * flowed_s / 10, "the load flowed while the fleet moved"
    assert result["failed"] == 0, result


def test_killing_control_loses_nothing_and_keeps_the_instances(weir, loaded):
    name, load = loaded
    scale(weir, name, 2)
    before = pids_in_service(weir, name)
    for _ in range(10):
        control = weir.children()["control"]
        os.kill(control, signal.SIGKILL)
        eventually(lambda: weir.children().get("control") not in (None, control), why="control restarted")
        weir.client("sagemaker", config=None).list_endpoints()  # answers when control is up again
    assert load.finish()["failed"] == 0
    assert pids_in_service(weir, name) == before
    for pid in before.values():
        os.kill(pid, 0)


def test_a_killed_instance_is_replaced(weir, loaded):
    name, load = loaded
    scale(weir, name, 3)
    victim, pid = sorted(pids_in_service(weir, name).items())[0]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(pids_in_service(weir, name)) == 3 and victim not in pids_in_service(weir, name),
               why="replaced")
    result = load.finish()
    assert result["failed"] <= CAP, result


def test_killing_the_proxy_costs_only_what_was_in_flight(weir, loaded):
    name, load = loaded
    proxy = weir.children()["proxy"]
    os.kill(proxy, signal.SIGKILL)
    eventually(lambda: weir.children().get("proxy") not in (None, proxy))
    weir.client("sagemaker", config=None).list_endpoints()
    eventually(lambda: variant_of(weir, name).get("InvocationsPerSecond", 0) > 0, why="the load flows on")
    result = load.finish()
    kinds = {kind.lower() for kind, n in result["errors"].items() if n}
    assert not any("refused" in kind or "503" in kind for kind in kinds), result
    assert result["failed"] <= Load.CONNECTIONS, result


def test_instances_survive_a_restart_with_keep_instances(start_weir, model_file):
    first = start_weir("--keep-instances")
    first.make_endpoint("kept", model_url=f"file://{model_file}", count=2)
    before = pids_in_service(first, "kept")
    assert first.stop() == 0
    for pid in before.values():
        os.kill(pid, 0)
    second = start_weir()
    assert pids_in_service(second, "kept") == before
    assert second.stop() == 0
    for pid in before.values():
        eventually(lambda: not os.path.exists(f"/proc/{pid}"), why="instances stop with weir")


def test_state_survives_a_restart(start_weir, model_file):
    first = start_weir()
    first.make_endpoint("lasting", model_url=f"file://{model_file}", count=2)
    keys = first.keys
    first.stop()
    second = start_weir()
    assert second.keys == keys
    described = second.wait_endpoint("lasting")
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    eventually(lambda: len(pids_in_service(second, "lasting")) == 2)
