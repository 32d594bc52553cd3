"""CloudWatch through AWS's SDK for JavaScript v3, in Smithy RPC v2 CBOR and in what it speaks by itself.

The SDK comes from the npm registry into a folder beside the program, once. Where node, npm or the
registry is not to be had the test is skipped, and says so.
"""
import json
import pathlib
import shutil
import subprocess

import pytest

from conftest import WEIR

HERE = pathlib.Path(__file__).resolve().parent / "js"
NO_REGISTRY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
               "ERR_SOCKET_TIMEOUT", "E403", "E407", "E429", "E502", "E503", "E504", "SELF_SIGNED_CERT_IN_CHAIN",
               "UNABLE_TO_GET_ISSUER_CERT")


@pytest.fixture(scope="session")
def sdk() -> pathlib.Path:
    """A folder with the script and the SDK that the lock file names."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    major = int(subprocess.run(["node", "--version"], text=True, capture_output=True).stdout.lstrip("v").split(".")[0])
    if major < 20:
        pytest.skip("the SDK needs node 20")
    folder = pathlib.Path(WEIR).resolve().parent / "e2e-js"
    folder.mkdir(exist_ok=True)
    lock, installed = HERE / "package-lock.json", folder / "installed.json"
    shutil.copy(HERE / "cloudwatch.js", folder)
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return folder
    for file in ("package.json", "package-lock.json"):
        shutil.copy(HERE / file, folder)
    result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
                             "--fetch-timeout=60000"], cwd=folder, text=True, capture_output=True, timeout=600)
    if result.returncode != 0 and any(word in result.stderr for word in NO_REGISTRY):
        pytest.skip(f"the npm registry cannot be reached: {result.stderr.strip().splitlines()[0]}")
    assert result.returncode == 0, result.stderr
    shutil.copy(lock, installed)
    return folder


@pytest.mark.parametrize("protocol", ["cbor", "default"])
def test_cloudwatch(weir, sdk, protocol):
    result = subprocess.run(["node", "cloudwatch.js", weir.url, protocol], cwd=sdk, env=weir.env, text=True,
                            capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)

    if protocol == "cbor":
        service = "/service/GraniteServiceVersion20100801/operation"
        assert all(sent.startswith("application/cbor ") for sent in seen["protocols"])
        assert f"application/cbor gzip {service}/PutMetricData" in seen["protocols"]
        assert {sent.rsplit("/", 1)[1] for sent in seen["protocols"]} == {
            "PutMetricData", "GetMetricStatistics", "GetMetricData", "ListMetrics", "PutMetricAlarm",
            "PutCompositeAlarm", "DescribeAlarms", "DescribeAlarmsForMetric", "DescribeAlarmHistory", "DeleteAlarms",
            "SetAlarmState", "EnableAlarmActions", "DisableAlarmActions", "TagResource", "UntagResource",
            "ListTagsForResource"}
    assert seen["names"] == sorted(["latency", *(f"many{i}" for i in range(30))])
    point, = seen["statistics"]
    assert (point["Sum"], point["SampleCount"], point["Maximum"], point["Unit"]) == (272.5, 100, 100, "Milliseconds")
    shares, = seen["percentiles"]
    assert shares["ExtendedStatistics"]["p50"] == pytest.approx(1, rel=0.02)
    assert shares["ExtendedStatistics"]["p99.9"] == pytest.approx(100, rel=0.02)
    assert [(found["Id"], found["Values"], found["StatusCode"]) for found in seen["data"]] == [
        ("e", [136.25], "Complete"), ("s", [272.5], "Complete")]
    assert seen["watching"] == ["js"] and seen["tags"] == [{"Key": "b", "Value": "2"}]
    assert ['Alarm "js" created', True] in seen["created"]
    assert seen["alarm"]["updated"] and seen["alarm"]["state"] in ("INSUFFICIENT_DATA", "ALARM", "OK")
    assert seen["nan"]["name"] == "InvalidParameterValueException"
    assert seen["nan"]["message"] == "The value NaN for parameter MetricData.member.1.Value is invalid."
    assert seen["infinite"]["name"] == "InvalidParameterValueException"
    assert seen["missing"]["name"] == "ResourceNotFound" and seen["missing"]["status"] == 404
    assert seen["unicode"]["name"] == "InvalidParameterValueException"  # AWS takes ASCII only
