"""Fixtures: a real weir on a port the kernel chose, and real clients for it.

Tests wait for conditions with `eventually`; nothing sleeps and hopes. A weir stops with its test, and
only processes that a test started are ever signalled.
"""
import configparser
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import boto3
import botocore.config
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = os.environ.get("WEIR", str(ROOT / "build-debug" / "weir"))
ROLE = "arn:aws:iam::000000000000:role/weir-test-role"  # AWS wants one; weir does not use it


def eventually(condition, timeout_s: float = 30.0, why: str = ""):
    """Wait until `condition()` is true, and return what it returned."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"still not true after {timeout_s} s: {why or condition}")
        time.sleep(0.05)


def command_lines_of_aws() -> list[str]:
    """Debian's AWS CLI and, where there is another one on PATH, that too."""
    found = [path for path in ("/usr/bin/aws", shutil.which("aws")) if path and os.path.exists(path)]
    return list(dict.fromkeys(found))


class Weir:
    """A running `weir serve` with its state directory."""

    def __init__(self, state: pathlib.Path, *options: str):
        self.state = state
        self.options = options
        self.process = None

    def start(self, timeout_s: float = 60.0) -> "Weir":
        self.log_path = self.state.parent / f"{self.state.name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [WEIR, "serve", "--listen", "127.0.0.1:0", "--state", str(self.state), *self.options],
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("weir is ready at http://"), f"{line!r}; log:\n{self.log()}"
        self.url = line.split()[4]
        return self

    def stop(self, timeout_s: float = 60.0) -> int:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def keys(self) -> tuple[str, str]:
        file = configparser.ConfigParser()
        file.read(self.state / "credentials")
        return file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]

    @property
    def env(self) -> dict:
        """An environment in which AWS clients talk to this weir."""
        key_id, secret = self.keys
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**clean, "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": key_id,
                "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}

    def client(self, service: str, **keywords):
        key_id, secret = self.keys
        settings = {"endpoint_url": self.url, "region_name": "us-east-1", "aws_access_key_id": key_id,
                    "aws_secret_access_key": secret,
                    "config": botocore.config.Config(retries={"max_attempts": 1})}
        return boto3.client(service, **{**settings, **keywords})

    def aws(self, *words: str, program: str = "/usr/bin/aws", check: bool = True, env: dict = None):
        """Run the AWS CLI; returns the finished process, its output as text."""
        result = subprocess.run([program, "--endpoint-url", self.url, *words],
                                env=env or self.env, text=True, capture_output=True)
        assert not check or result.returncode == 0, f"{words}: {result.stderr}"
        return result

    def command(self, *words: str, check: bool = True, timeout_s: float = 120):
        """Run `weir WORDS... ` against this server; returns the finished process."""
        result = subprocess.run([WEIR, *words], env={**self.env, "WEIR_STATE": str(self.state)},
                                text=True, capture_output=True, timeout=timeout_s)
        assert not check or result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return result

    def status(self) -> dict:
        return json.loads(self.command("status", "--state", str(self.state), "--json").stdout)

    def children(self) -> dict:
        """name -> pid of the supervisor's `control` and `proxy`."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (OSError, ValueError, IndexError):
                continue
            if parent == self.process.pid and len(words) > 1 and words[1] in (b"control", b"proxy"):
                found[words[1].decode()] = int(entry.name)
        return found

    # --- an endpoint in a few calls ------------------------------------------------------------

    def make_endpoint(self, name: str, image: str = "weir/xgboost:latest", model_url: str = None,
                      count: int = 1, environment: dict = None, wait: bool = True, **variant):
        sagemaker = self.client("sagemaker")
        container = {"Image": image, "Environment": environment or {}}
        if model_url:
            container["ModelDataUrl"] = model_url
        sagemaker.create_model(ModelName=name, PrimaryContainer=container,
                               ExecutionRoleArn=ROLE)
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[{
            "VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count, **variant}])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        if wait:
            self.wait_endpoint(name)

    def wait_endpoint(self, name: str, status: str = "InService", timeout_s: float = 60.0) -> dict:
        sagemaker = self.client("sagemaker")

        def reached():
            endpoint = sagemaker.describe_endpoint(EndpointName=name)
            assert endpoint["EndpointStatus"] != "Failed" or status == "Failed", endpoint
            return endpoint if endpoint["EndpointStatus"] == status else None

        return eventually(reached, timeout_s, f"endpoint {name} {status}")


class Load:
    """`weir load` running beside a test; its results when it is stopped."""

    CONNECTIONS = 64  # no more requests are in flight at a time

    def __init__(self, weir, endpoint: str, folder: pathlib.Path, rate: float):
        body = folder / "row.csv"
        body.write_text("2,0.645,0.515,0.15,1.212,0.515,0.2055,0.385\n")
        self.process = subprocess.Popen(
            [WEIR, "load", "--state", str(weir.state), "--endpoint", endpoint, "--rate", str(rate), "--duration", "600",
             "--connections", str(self.CONNECTIONS), "--body", str(body), "--content-type", "text/csv", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=weir.env)

    def finish(self) -> dict:
        self.process.send_signal(signal.SIGINT)  # stops sending, waits for what is under way, prints the result
        output, errors = self.process.communicate(timeout=60)
        assert output, errors
        return json.loads(output)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory) -> pathlib.Path:
    """An XGBoost model trained on the abalone data by the example's own program."""
    path = tmp_path_factory.mktemp("model") / "abalone.ubj"
    trainer = pathlib.Path(WEIR).parent / "train-abalone"
    subprocess.run([trainer, "--output", path, *sorted((ROOT / "examples" / "abalone").glob("*train*.libsvm"))],
                   check=True, capture_output=True)
    return path


@pytest.fixture
def start_weir(tmp_path):
    """A function that starts a weir; each is stopped at the end of the test."""
    started = []

    def start(*options: str, state: str = "state") -> Weir:
        weir = Weir(tmp_path / state, *options)
        started.append(weir)
        return weir.start()

    yield start
    for weir in started:
        weir.stop()


@pytest.fixture(scope="module")
def weir(tmp_path_factory):
    """One weir for all tests of a file; they use endpoint names of their own."""
    server = Weir(tmp_path_factory.mktemp("weir") / "state").start()
    yield server
    code = server.stop()
    assert code == 0, server.log()[-4000:]
    for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
        assert word not in server.log(), server.log()[-8000:]
