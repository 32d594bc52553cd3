"""An endpoint's life through boto3: create, invoke, rescale, delete; and what is refused."""
import io
import json
import math
import pathlib
import tarfile

import botocore.exceptions
import pytest

from conftest import ROLE, ROOT, eventually

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385"


@pytest.fixture(scope="module")
def endpoint(weir, model_file):
    weir.make_endpoint("abalone", model_url=f"file://{model_file}")
    return "abalone"


@pytest.fixture(scope="module")
def runtime(weir):
    return weir.client("sagemaker-runtime")


def error_of(call, *args, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **keywords)
    return caught.value.response


def test_a_new_endpoint_is_in_service_with_its_instance(weir, endpoint):
    described = weir.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    assert described["EndpointArn"] == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/abalone"
    assert described["EndpointConfigName"] == "abalone"
    variant, = described["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert variant["CurrentWeight"] == 1.0


def test_csv_json_and_libsvm_rows_get_the_same_prediction(runtime, endpoint):
    def predict(body, content_type, accept="text/csv"):
        answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type,
                                         Accept=accept)
        assert answer["InvokedProductionVariant"] == "AllTraffic"
        return answer["Body"].read().decode()

    from_csv = float(predict(ROW, "text/csv"))
    features = [float(value) for value in ROW.split(",")]
    libsvm = "0 " + " ".join(f"{i}:{value}" for i, value in enumerate(features, 1))
    assert float(predict(libsvm, "text/libsvm")) == from_csv
    assert float(predict(json.dumps([features]), "application/json")) == from_csv
    scored = json.loads(predict(ROW, "text/csv", "application/json"))
    assert math.isclose(scored["predictions"][0]["score"], from_csv, rel_tol=1e-5)


def test_invocations_reach_the_built_in_server_over_its_unix_socket(runtime, endpoint):
    runtime.invoke_endpoint(EndpointName=endpoint, Body=ROW, ContentType="text/csv")["Body"].read()
    sockets = [line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines()]
    connected = "03"  # of the kernel's socket states; the proxy keeps the connection for the next request
    assert any(line[-1].endswith("/http.sock") and line[5] == connected for line in sockets)


def test_the_model_predicts_abalones_well(runtime, endpoint):
    rows, truth = [], []
    for line in (ROOT / "examples/abalone/abalone.validation.libsvm").read_text().splitlines():
        label, *pairs = line.split()
        truth.append(float(label))
        rows.append(",".join(pair.split(":")[1] for pair in pairs))
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body="\n".join(rows), ContentType="text/csv")
    predicted = [float(line) for line in answer["Body"].read().decode().split()]
    assert len(predicted) == len(truth)
    rmse = math.sqrt(sum((p - t) ** 2 for p, t in zip(predicted, truth)) / len(truth))
    assert 1.5 < rmse < 2.6


def test_rows_of_the_wrong_width_are_a_model_error_with_the_reason(runtime, endpoint):
    error = error_of(runtime.invoke_endpoint, EndpointName=endpoint, Body="1,2,3", ContentType="text/csv")
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == 400
    assert "3" in error["OriginalMessage"] and "8" in error["OriginalMessage"]
    assert error["LogStreamArn"].endswith("log-group:/aws/sagemaker/Endpoints/abalone")


def test_an_unknown_content_type_is_a_model_error_of_415(runtime, endpoint):
    error = error_of(runtime.invoke_endpoint, EndpointName=endpoint, Body="x", ContentType="image/png")
    assert error["OriginalStatusCode"] == 415


def test_an_unknown_endpoint_is_a_validation_error(runtime):
    error = error_of(runtime.invoke_endpoint, EndpointName="nobody", Body="1", ContentType="text/csv")
    assert error["Error"]["Code"] == "ValidationError"
    assert error["Error"]["Message"] == "Endpoint nobody of account 000000000000 not found."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_unknown_target_variant_is_a_validation_error(runtime, endpoint):
    error = error_of(runtime.invoke_endpoint, EndpointName=endpoint, Body="1", ContentType="text/csv",
                     TargetVariant="Other")
    assert error["Error"]["Code"] == "ValidationError"


def test_two_variants_share_traffic_by_weight(weir, model_file, runtime):
    sagemaker = weir.client("sagemaker")
    sagemaker.create_model(ModelName="ab", ExecutionRoleArn=ROLE,
                           PrimaryContainer={"Image": "weir/xgboost:latest",
                                             "ModelDataUrl": f"file://{model_file}"})
    sagemaker.create_endpoint_config(EndpointConfigName="ab", ProductionVariants=[
        {"VariantName": name, "ModelName": "ab", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
         "InitialVariantWeight": weight} for name, weight in (("A", 3.0), ("B", 1.0))])
    sagemaker.create_endpoint(EndpointName="ab", EndpointConfigName="ab")
    weir.wait_endpoint("ab")
    served = [runtime.invoke_endpoint(EndpointName="ab", Body=ROW, ContentType="text/csv")
              ["InvokedProductionVariant"] for _ in range(200)]
    assert 110 <= served.count("A") <= 185
    assert runtime.invoke_endpoint(EndpointName="ab", Body=ROW, ContentType="text/csv",
                                   TargetVariant="B")["InvokedProductionVariant"] == "B"
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="ab", DesiredWeightsAndCapacities=[
        {"VariantName": "A", "DesiredWeight": 0}, {"VariantName": "B", "DesiredWeight": 1}])
    weir.wait_endpoint("ab")
    eventually(lambda: {runtime.invoke_endpoint(EndpointName="ab", Body=ROW, ContentType="text/csv")
                        ["InvokedProductionVariant"] for _ in range(20)} == {"B"})


def test_a_tar_gz_is_unpacked(weir, model_file, runtime, tmp_path):
    packed = tmp_path / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(model_file, "xgboost-model.ubj")
    weir.make_endpoint("packed", model_url=f"file://{packed}")
    answer = runtime.invoke_endpoint(EndpointName="packed", Body=ROW, ContentType="text/csv")
    assert float(answer["Body"].read()) > 0


def test_a_tar_gz_that_reaches_outside_fails_the_endpoint(weir, tmp_path):
    packed = tmp_path / "evil.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        entry = tarfile.TarInfo("../../escaped")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    weir.make_endpoint("evil", model_url=f"file://{packed}", wait=False)
    failed = weir.wait_endpoint("evil", "Failed")
    assert "escaped" in failed["FailureReason"]
    assert not list(pathlib.Path(weir.state).rglob("escaped"))


def test_a_model_that_will_not_load_fails_the_endpoint_and_says_why(weir, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("this is not a model")
    weir.make_endpoint("broken", model_url=f"file://{broken}", wait=False)
    failed = weir.wait_endpoint("broken", "Failed")
    assert failed["FailureReason"].startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check.")
    assert "broken.json" in failed["FailureReason"]
    weir.client("sagemaker").delete_endpoint(EndpointName="broken")


def test_a_missing_model_file_fails_the_endpoint_and_names_it(weir, tmp_path):
    weir.make_endpoint("missing", model_url=f"file://{tmp_path}/nothing-here.tar.gz", wait=False)
    assert "nothing-here.tar.gz" in weir.wait_endpoint("missing", "Failed")["FailureReason"]


def test_any_command_can_be_a_model(weir, runtime, tmp_path):
    server = tmp_path / "echo.py"
    server.write_text(ECHO_SERVER)
    weir.make_endpoint("echo", image=f"command:/usr/bin/python3 {server}", environment={"GREETING": "hello"})
    answer = runtime.invoke_endpoint(EndpointName="echo", Body=b"\x00\x01", ContentType="application/x-thing",
                                     CustomAttributes="c1=v1")
    assert answer["Body"].read() == b"hello application/x-thing c1=v1 \x00\x01"
    assert answer["CustomAttributes"] == "from-the-container"


ECHO_SERVER = '''
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        words = [os.environ["GREETING"], self.headers["Content-Type"],
                 self.headers["X-Amzn-SageMaker-Custom-Attributes"]]
        self.answer(" ".join(words).encode() + b" " + body)
    def answer(self, body):
        self.send_response(200)
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from-the-container")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
'''


def test_bad_parameters_are_named(weir):
    sagemaker = weir.client("sagemaker")
    error = error_of(sagemaker.create_model, ModelName="not_allowed", ExecutionRoleArn=ROLE,
                     PrimaryContainer={"Image": "weir/xgboost:latest"})
    assert error["Error"]["Code"] == "ValidationException"
    assert "Value 'not_allowed' at 'modelName'" in error["Error"]["Message"]
    error = error_of(sagemaker.create_endpoint_config, EndpointConfigName="x", ProductionVariants=[
        {"VariantName": "v", "ModelName": "abalone", "InstanceType": "ml.huge", "InitialInstanceCount": 1}])
    assert "at 'productionVariants.1.member.instanceType'" in error["Error"]["Message"]
    error = error_of(sagemaker.create_endpoint, EndpointName="x", EndpointConfigName="no-such")
    assert error["Error"]["Code"] == "ValidationException"
    assert "Could not find endpoint configuration" in error["Error"]["Message"]
    error = error_of(sagemaker.describe_endpoint, EndpointName="no-such")
    assert error["Error"]["Code"] == "ValidationException"
    assert error["Error"]["Message"].startswith("Could not find endpoint ")


def test_names_are_taken_once(weir, endpoint):
    error = error_of(weir.client("sagemaker").create_endpoint, EndpointName=endpoint,
                     EndpointConfigName=endpoint)
    assert error["Error"]["Code"] == "ValidationException"
    assert "Cannot create already existing endpoint" in error["Error"]["Message"]


def test_lists_page_and_filter(weir, model_file):
    sagemaker = weir.client("sagemaker")
    for i in range(12):
        sagemaker.create_model(ModelName=f"listed-{i:02}", ExecutionRoleArn=ROLE, PrimaryContainer={
            "Image": "weir/xgboost:latest", "ModelDataUrl": f"file://{model_file}"})
    pages = list(sagemaker.get_paginator("list_models").paginate(NameContains="listed", SortBy="Name",
                                                                 SortOrder="Ascending"))
    assert [len(page["Models"]) for page in pages] == [10, 2]
    names = [model["ModelName"] for page in pages for model in page["Models"]]
    assert names == [f"listed-{i:02}" for i in range(12)]
    sagemaker.delete_model(ModelName="listed-00")
    left = sagemaker.list_models(NameContains="listed", MaxResults=100)["Models"]
    assert len(left) == 11


def test_tags(weir, endpoint):
    sagemaker = weir.client("sagemaker")
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/abalone"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "1"}])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}])
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {"team": "b", "cost": "1"}
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert [tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]] == ["cost"]


def test_a_deleted_endpoint_is_gone_with_its_instances(weir, model_file, runtime):
    sagemaker = weir.client("sagemaker")
    weir.make_endpoint("short-lived", model_url=f"file://{model_file}", count=2)
    sagemaker.delete_endpoint(EndpointName="short-lived")

    def gone():
        try:
            sagemaker.describe_endpoint(EndpointName="short-lived")
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"] == "ValidationException"
        return False

    eventually(gone)
    error = error_of(runtime.invoke_endpoint, EndpointName="short-lived", Body="1", ContentType="text/csv")
    assert error["Error"]["Code"] == "ValidationError"
    sagemaker.delete_endpoint_config(EndpointConfigName="short-lived")
    sagemaker.delete_model(ModelName="short-lived")
