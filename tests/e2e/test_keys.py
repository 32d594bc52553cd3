"""Keys beside the server's own, and what they may do."""
import http.client
import json

import botocore.exceptions
import pytest

from conftest import eventually

ROW = "2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385\n"


def create(weir, *options: str) -> str:
    return weir.command("key", "create", *options).stdout.strip()


def invoke(weir, endpoint: str, key: str, body: bytes = ROW.encode()) -> tuple:
    host, port = weir.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", f"/endpoints/{endpoint}/invocations", body,
                       {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.headers.get("x-amzn-ErrorType", ""), text.decode()


def call(weir, key: str, target: str = "SageMaker.ListEndpoints", body: str = "{}") -> tuple:
    host, port = weir.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", "/", body, {"Authorization": f"Bearer {key}", "X-Amz-Target": target,
                                           "Content-Type": "application/x-amz-json-1.1"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


@pytest.fixture(scope="module")
def endpoints(weir, model_file):
    for name in ("team-a-one", "team-b-one"):
        weir.make_endpoint(name, model_url=f"file://{model_file}")
    return weir


def test_a_bearer_key_invokes_what_its_patterns_name(endpoints):
    key = create(endpoints, "--name", "a", "--invoke", "team-a-*")
    assert invoke(endpoints, "team-a-one", key)[0] == 200
    status, kind, text = invoke(endpoints, "team-b-one", key)
    assert (status, kind) == (403, "AccessDeniedException")
    assert "is not authorized to perform: sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:" in text
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    for bad in (wrong, key[:20], "x" * 200):
        assert invoke(endpoints, "team-a-one", bad)[:2] == (403, "UnrecognizedClientException")
    status, answer = call(endpoints, key)
    assert status == 400 and answer["__type"] == "AccessDeniedException"
    assert "is not authorized to perform: sagemaker:ListEndpoints" in (answer.get("message") or answer["Message"])


def test_changes_reach_the_proxy(endpoints):
    key = create(endpoints)
    identity = key.split("_")[0]
    assert invoke(endpoints, "team-a-one", key)[0] == 403
    endpoints.command("key", "update", identity, "--invoke", "team-a-one", "--invoke", "other-*")
    eventually(lambda: invoke(endpoints, "team-a-one", key)[0] == 200)
    endpoints.command("key", "update", identity, "--no-invoke")
    eventually(lambda: invoke(endpoints, "team-a-one", key)[0] == 403)
    endpoints.command("key", "update", identity, "--admin")
    eventually(lambda: invoke(endpoints, "team-b-one", key)[0] == 200)
    assert call(endpoints, key)[0] == 200
    endpoints.command("key", "delete", identity)
    eventually(lambda: invoke(endpoints, "team-b-one", key)[1] == "UnrecognizedClientException")
    missing = endpoints.command("key", "delete", identity, check=False)
    assert missing.returncode == 1 and "There is no key" in missing.stderr


def test_a_key_may_read_and_no_more(endpoints):
    key = create(endpoints, "--read")
    assert call(endpoints, key)[0] == 200
    assert call(endpoints, key, "SageMaker.DeleteEndpoint", '{"EndpointName": "team-a-one"}')[0] == 400
    assert call(endpoints, key, "Weir.GetStatus")[0] == 200
    for about_keys in ("Weir.ListKeys", "Weir.CreateKey"):
        status, answer = call(endpoints, key, about_keys)
        assert status == 400 and answer["__type"] == "AccessDeniedException"


def test_an_access_key_signs(endpoints):
    made = json.loads(endpoints.command("key", "create", "--type", "access", "--invoke", "team-b-*", "--read", "--json").stdout)
    keys = {"aws_access_key_id": made["Key"]["KeyId"], "aws_secret_access_key": made["Secret"]}
    runtime = endpoints.client("sagemaker-runtime", **keys)
    assert runtime.invoke_endpoint(EndpointName="team-b-one", Body=ROW, ContentType="text/csv")["Body"].read()
    with pytest.raises(botocore.exceptions.ClientError) as denied:
        runtime.invoke_endpoint(EndpointName="team-a-one", Body=ROW, ContentType="text/csv")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
    endpoints.client("sagemaker", **keys).list_endpoints()
    for service, operation, arguments in (
            ("sagemaker", "delete_endpoint", {"EndpointName": "x"}),
            ("cloudwatch", "put_metric_data", {"Namespace": "x", "MetricData": [{"MetricName": "x", "Value": 1}]})):
        with pytest.raises(botocore.exceptions.ClientError) as denied:
            getattr(endpoints.client(service, **keys), operation)(**arguments)
        assert denied.value.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied")
    assert endpoints.client("sts", **keys).get_caller_identity()["Account"] == "000000000000"


def test_a_bearer_key_cannot_sign(endpoints):
    identity = create(endpoints, "--admin").split("_")[0]
    for secret in ("x", "0" * 40):
        client = endpoints.client("sagemaker", aws_access_key_id=identity, aws_secret_access_key=secret)
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            client.list_endpoints()
        assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_a_large_body_streams_with_a_bearer_key(endpoints):
    key = create(endpoints, "--invoke", "*")
    assert invoke(endpoints, "team-a-one", key, (ROW * 2000).encode())[0] == 200


def test_keys_are_listed_and_last(start_weir):
    weir = start_weir()
    key = create(weir, "--name", "for the tests", "--invoke", "a-*", "--invoke", "b", "--read")
    listed = weir.command("key", "list").stdout
    assert "for the tests" in listed and "a-* b" in listed and key.split("_")[1] not in listed
    for file in weir.state.iterdir():  # not in any file, the log included
        if file.is_file() and not file.name.endswith(".sock"):
            assert key.split("_")[1].encode() not in file.read_bytes()
    assert key.split("_")[1] not in weir.log()
    weir.stop()
    again = start_weir()
    assert call(again, key)[0] == 200


def test_wrong_input_changes_nothing(endpoints):
    before = endpoints.command("key", "list").stdout
    for options in (["--invoke", "a/b"], ["--invoke", ""], ["--type", "x"], ["--name", "n" * 65],
                    ["--invoke", "x" * 64]):
        refused = endpoints.command("key", "create", *options, check=False)
        assert refused.returncode == 1, options
    assert endpoints.command("key", "list").stdout == before
    for words in ([], ["nonsense"], ["delete"], ["list", "--read"], ["create", "x"]):
        assert endpoints.command("key", *words, check=False).returncode == 2
