"""The AWS CLI, old and new, drives weir; weir's own commands too; wrong keys are refused everywhere."""
import datetime
import json
import subprocess

import botocore.exceptions
import pytest

from conftest import command_lines_of_aws, eventually

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385"
TARGET = ["--service-namespace", "sagemaker",
          "--scalable-dimension", "sagemaker:variant:DesiredInstanceCount"]


@pytest.mark.parametrize("program", command_lines_of_aws())
def test_the_aws_cli_creates_invokes_scales_and_deletes(weir, model_file, tmp_path, program):
    name = "cli" + str(command_lines_of_aws().index(program))

    def aws(*words):
        result = weir.aws(*words, program=program)
        return json.loads(result.stdout) if result.stdout.strip() else None

    aws("sagemaker", "create-model", "--model-name", name,
        "--execution-role-arn", "arn:aws:iam::000000000000:role/weir-test-role",
        "--primary-container", f"Image=weir/xgboost:latest,ModelDataUrl=file://{model_file}")
    aws("sagemaker", "create-endpoint-config", "--endpoint-config-name", name, "--production-variants",
        f"VariantName=AllTraffic,ModelName={name},InstanceType=ml.m5.large,InitialInstanceCount=1")
    aws("sagemaker", "create-endpoint", "--endpoint-name", name, "--endpoint-config-name", name)
    weir.wait_endpoint(name)  # the CLI's own waiter looks every 30 s: it is called when there is nothing to wait for
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", name)

    row, answer = tmp_path / "row.csv", tmp_path / "answer"
    row.write_text(ROW)
    invoked = aws("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", name, "--content-type", "text/csv",
                  "--body", f"fileb://{row}", str(answer))
    assert invoked["InvokedProductionVariant"] == "AllTraffic"
    assert float(answer.read_text()) > 0

    resource = f"endpoint/{name}/variant/AllTraffic"
    aws("application-autoscaling", "register-scalable-target", *TARGET, "--resource-id", resource,
        "--min-capacity", "1", "--max-capacity", "3")
    put = aws("application-autoscaling", "put-scaling-policy", *TARGET, "--resource-id", resource,
              "--policy-name", "follow", "--policy-type", "TargetTrackingScaling",
              "--target-tracking-scaling-policy-configuration", json.dumps({
                  "TargetValue": 1000.0, "PredefinedMetricSpecification": {
                      "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}))
    alarms = aws("cloudwatch", "describe-alarms", "--alarm-names",
                 *[alarm["AlarmName"] for alarm in put["Alarms"]])["MetricAlarms"]
    assert sorted(alarm["Threshold"] for alarm in alarms) == [900.0, 1000.0]
    targets = aws("application-autoscaling", "describe-scalable-targets", "--service-namespace", "sagemaker",
                  "--resource-ids", resource)["ScalableTargets"]
    assert (targets[0]["MinCapacity"], targets[0]["MaxCapacity"]) == (1, 3)

    aws("sagemaker", "update-endpoint-weights-and-capacities", "--endpoint-name", name,
        "--desired-weights-and-capacities", "VariantName=AllTraffic,DesiredInstanceCount=2")
    described = weir.wait_endpoint(name)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    statistics = eventually(lambda: aws(
        "cloudwatch", "get-metric-statistics", "--namespace", "AWS/SageMaker", "--metric-name", "Invocations",
        "--dimensions", f"Name=EndpointName,Value={name}", "Name=VariantName,Value=AllTraffic",
        "--statistics", "Sum", "--period", "60", "--start-time", minutes_from_now(-30),
        "--end-time", minutes_from_now(2))["Datapoints"])
    assert sum(point["Sum"] for point in statistics) == 1

    aws("application-autoscaling", "deregister-scalable-target", *TARGET, "--resource-id", resource)
    aws("sagemaker", "delete-endpoint", "--endpoint-name", name)
    eventually(lambda: name not in [e["EndpointName"] for e in aws("sagemaker", "list-endpoints")["Endpoints"]])
    aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", name)
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"


def minutes_from_now(minutes: int) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")


CALLS = [
    ("sagemaker", "list_endpoints", {}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b"1"}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
    ("cloudwatch", "list_metrics", {}),
    ("sts", "get_caller_identity", {}),
]


@pytest.mark.parametrize("service,operation,arguments", CALLS)
@pytest.mark.parametrize("wrong", ["secret", "key id"])
def test_wrong_keys_are_refused_by_every_service(weir, service, operation, arguments, wrong):
    key_id, secret = weir.keys
    keys = {"aws_secret_access_key": "x" * 40} if wrong == "secret" else {"aws_access_key_id": "AKIAAAAAAAAAAAAAAAAA"}
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(weir.client(service, **keys), operation)(**arguments)
    expected = {"secret": ("InvalidSignatureException", "SignatureDoesNotMatch"),
                "key id": ("UnrecognizedClientException", "InvalidClientTokenId")}[wrong]
    assert caught.value.response["Error"]["Code"] in expected
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_an_operation_that_weir_does_not_have_says_what_there_is(weir):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        weir.client("sagemaker").list_training_jobs()
    error = caught.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert "CreateEndpoint" in error["Message"]


def test_env_prints_exports(weir):
    lines = weir.command("env", "--state", str(weir.state)).stdout.splitlines()
    assert [line.split("=")[0] for line in lines] == [
        "export AWS_ENDPOINT_URL", "export AWS_ACCESS_KEY_ID", "export AWS_SECRET_ACCESS_KEY",
        "export AWS_DEFAULT_REGION", "export AWS_REGION"]
    result = subprocess.run(["sh", "-c", "\n".join(lines) + "\necho $AWS_ENDPOINT_URL"], text=True, capture_output=True)
    assert result.stdout.strip() == weir.url


def test_deploy_makes_an_autoscaled_endpoint_in_one_go(weir, model_file):
    weir.command("deploy", "deployed", "--model", str(model_file), "--max", "3", "--target-invocations", "500",
                 "--wait", "--state", str(weir.state))
    answer = weir.client("sagemaker-runtime").invoke_endpoint(EndpointName="deployed", Body=ROW,
                                                              ContentType="text/csv")
    assert float(answer["Body"].read()) > 0
    policies = weir.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId="endpoint/deployed/variant/AllTraffic")["ScalingPolicies"]
    assert policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 500
    text = weir.command("status", "--state", str(weir.state)).stdout
    assert "deployed" in text and "InService" in text
    cost = json.loads(weir.command("cost", "--state", str(weir.state), "--json").stdout)
    assert "deployed" in json.dumps(cost)


def test_deploy_finds_a_model_whatever_its_path(weir, model_file, tmp_path):
    model = tmp_path / "100%41 #1?" / "a model.json"
    model.parent.mkdir()
    model.write_bytes(model_file.read_bytes())
    weir.command("deploy", "oddly-named", "--model", str(model), "--wait", "--state", str(weir.state))


def test_deploy_of_a_missing_file_says_so_and_leaves_nothing(weir):
    result = weir.command("deploy", "nothing", "--model", "/no/such/file", "--state", str(weir.state), check=False)
    assert result.returncode == 1
    assert "/no/such/file" in result.stderr
    assert "nothing" not in json.dumps(weir.client("sagemaker").list_endpoints(MaxResults=100)["Endpoints"], default=str)


def test_a_fresh_server_has_nothing_to_tell(start_weir):
    fresh = start_weir()
    for command, says in [("status", "no endpoints"), ("cost", "Nothing has run yet"), ("key list", "")]:
        assert says in fresh.command(*command.split(), "--state", str(fresh.state)).stdout


@pytest.mark.parametrize("command", ["serve", "control", "proxy", "env", "deploy", "status", "cost", "load", "model-server"])
def test_every_command_has_help_and_refuses_unknown_options(weir, command):
    assert "usage: weir " + command in weir.command(command, "--help").stdout
    refused = weir.command(command, "--no-such-option", check=False)
    assert refused.returncode == 2
    assert "--no-such-option" in refused.stderr
