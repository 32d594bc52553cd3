"""InvokeEndpointWithResponseStream through boto3: events as they come, and the errors within them."""
import os
import pathlib

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
import pytest

CONTAINER = '''
import http.server, os, socket
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        what = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if what == "fail":
            self.send_response(400)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"never")
            return
        self.send_response(200)
        self.send_header("Content-Type", self.headers["Accept"])
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from-the-container")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        gate = what.partition(" ")[2]
        for i in range(5):
            self.chunk(b"token %d " % i)
            while gate:  # until the test has it
                with open(gate) as file:
                    if file.read(1):
                        break  # else it was the end of what the test wrote for the part before
        if what.startswith("break"):
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.chunk(b"")
    def chunk(self, data):
        self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(data), data))
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
'''


def runtime_client(weir):
    """A client for the operation, also where the installed model is older than it."""
    key_id, secret = weir.keys
    core = botocore.session.get_session()
    model = core.get_component("data_loader").load_service_model("sagemaker-runtime", "service-2")
    if "InvokeEndpointWithResponseStream" not in model["operations"]:
        core = botocore.session.get_session()
        core.set_config_variable("data_path", str(pathlib.Path(__file__).parent / "models"))
    return boto3.Session(botocore_session=core, region_name="us-east-1").client(
        "sagemaker-runtime", endpoint_url=weir.url, aws_access_key_id=key_id, aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=60))


@pytest.fixture(scope="module")
def runtime(weir, tmp_path_factory):
    server = tmp_path_factory.mktemp("container") / "container.py"
    server.write_text(CONTAINER)
    weir.make_endpoint("llm", image=f"command:/usr/bin/python3 {server}")
    return runtime_client(weir)


def parts(answer) -> list:
    return [event["PayloadPart"]["Bytes"] for event in answer["Body"]]


def test_an_answer_comes_in_parts(runtime):
    answer = runtime.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"go", Accept="text/plain")
    assert answer["ContentType"] == "text/plain"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "from-the-container"
    assert b"".join(parts(answer)) == b"".join(b"token %d " % i for i in range(5))


def test_each_part_comes_before_the_next_is_made(runtime, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName="llm", Body=b"go " + bytes(gate), Accept="text/plain")
    for i, event in enumerate(answer["Body"]):
        assert event["PayloadPart"]["Bytes"] == b"token %d " % i
        gate.write_text(".")
    assert i == 4


def test_a_container_that_breaks_off_is_an_error_in_the_stream(runtime):
    answer = runtime.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"break", Accept="text/plain")
    heard = []
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        for event in answer["Body"]:
            heard.append(event["PayloadPart"]["Bytes"])
    assert b"".join(heard) == b"".join(b"token %d " % i for i in range(5))
    assert caught.value.response["Error"]["Code"] == "ModelStreamError"


def test_errors_before_the_first_part_are_plain_ones(runtime):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        runtime.invoke_endpoint_with_response_stream(EndpointName="llm", Body=b"fail", Accept="text/plain")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalMessage"] == "never"
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        runtime.invoke_endpoint_with_response_stream(EndpointName="nobody", Body=b"go", Accept="text/plain")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_the_same_container_answers_in_one_piece(runtime):
    answer = runtime.invoke_endpoint(EndpointName="llm", Body=b"go", Accept="text/plain")
    assert answer["Body"].read() == b"".join(b"token %d " % i for i in range(5))
