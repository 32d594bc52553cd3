"""gRPC from end to end: Python's client, weir, Python's server (docs/http2.md)."""
import json
import os
import re
import signal
import struct
import subprocess
import threading
from concurrent import futures

import grpc
import pytest

import h2
from conftest import eventually
from h2_target import OK, H2Target
from test_tls import Authority
from wire import Proxy

PATIENCE_S = 30
GRPC_OK = (*OK, ("content-type", "application/grpc"))


class Service(grpc.GenericRpcHandler):
    """Methods by name, on bytes; what was cancelled is kept."""

    def __init__(self, name: str):
        self.name, self.cancelled, self.contexts, self.asked = name, threading.Event(), [], []

    def unary(self, request, context):
        self.contexts.append(context)
        context.send_initial_metadata((("x-name", self.name), ("x-blob-bin", b"\0\xff")))
        seen = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-asked", seen.get("x-ask", "")), ("x-sum-bin", bytes(seen.get("x-in-bin", b"")))))
        return request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ä%")

    def count(self, request, context):
        for i in range(int(request)):
            yield str(i).encode()

    def add(self, requests, context):
        return str(sum(int(one) for one in requests)).encode()

    def echo(self, requests, context):
        context.send_initial_metadata((("x-early", "1"),))
        for one in requests:
            yield one

    def wait(self, request, context):
        context.add_callback(self.cancelled.set)
        yield b"begun"
        self.cancelled.wait(PATIENCE_S)

    def remaining(self, request, context):
        return str(context.time_remaining()).encode()

    def never(self, request, context):
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(PATIENCE_S)
        return b"too late"

    def service(self, details):
        kinds = {"unary": "unary_unary", "fail": "unary_unary", "never": "unary_unary", "remaining": "unary_unary",
                 "count": "unary_stream", "wait": "unary_stream", "add": "stream_unary", "echo": "stream_stream"}
        self.asked.append(details.method)
        name = details.method.rpartition("/")[2]
        if name not in kinds:
            return None  # UNIMPLEMENTED, as health checks are answered
        return getattr(grpc, f"{kinds[name]}_rpc_method_handler")(getattr(self, name))


class Server:
    def __init__(self, name: str = "one", port: int = 0):
        self.service = Service(name)
        self.server = grpc.server(futures.ThreadPoolExecutor(16), options=(("grpc.so_reuseport", 0),))
        self.server.add_generic_rpc_handlers((self.service,))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def close(self, grace=None):
        self.service.cancelled.set()
        self.server.stop(grace).wait()


def routes(*ports, **settings) -> dict:
    return {"routes": [{"path_prefix": "/", "target_group": "g"}],
            "target_groups": [{"id": "g", "protocol_version": "GRPC", "targets": [
                {"id": f"t{i}", "address": f"127.0.0.1:{port}"} for i, port in enumerate(ports)], **settings}]}


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def start(tmp_path):
    """A function that starts a proxy; each is stopped, and must be well, at the end of the test."""
    started = []

    def begin(*ports, **settings) -> Proxy:
        started.append(Proxy(tmp_path, routes(*ports, **settings)))
        started[-1].channel = grpc.insecure_channel(f"127.0.0.1:{started[-1].port}")
        return started[-1]

    yield begin
    for proxy in started:
        proxy.channel.close()
        proxy.stop()
        proxy.process.stderr.close()


@pytest.fixture
def proxy(start, server):
    return start(server.port)


def call(proxy, name: str, request=b"", kind: str = "unary_unary", timeout=PATIENCE_S, **options):
    return getattr(proxy.channel, kind)(f"/test.Test/{name}")(request, timeout=timeout, **options)


def failure(of) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        of()
    return caught.value


# --- what passes ---------------------------------------------------------------------------------


def test_a_unary_call_and_its_metadata(proxy):
    reply, state = proxy.channel.unary_unary("/test.Test/unary").with_call(
        b"hello", timeout=PATIENCE_S, metadata=(("x-ask", "why"), ("x-in-bin", b"\1\2\0")))
    initial, trailing = dict(state.initial_metadata()), dict(state.trailing_metadata())
    assert reply == b"hello" and initial["x-name"] == "one" and initial["x-blob-bin"] == b"\0\xff"
    assert trailing["x-asked"] == "why" and trailing["x-sum-bin"] == b"\1\2\0"


def test_large_messages(start, server):
    proxy = start(server.port)
    blob = os.urandom(3_000_000)
    assert call(proxy, "unary", blob) == blob


def test_streams_of_the_server_the_client_and_both(proxy):
    assert [int(one) for one in call(proxy, "count", b"2000", "unary_stream")] == list(range(2000))
    assert call(proxy, "add", iter([b"1", b"2", b"3"]), "stream_unary") == b"6"
    more, said = threading.Semaphore(), []

    def in_turns():
        for i in range(20):
            assert more.acquire(timeout=PATIENCE_S)  # only when the one before has come back
            yield str(i).encode()

    answers = call(proxy, "echo", in_turns(), "stream_stream")
    assert dict(answers.initial_metadata())["x-early"] == "1"  # before anything else of the answer
    for one in answers:
        said.append(int(one))
        more.release()
    assert said == list(range(20))


def test_errors_of_the_server_pass(proxy):
    e = failure(lambda: call(proxy, "fail"))
    assert e.code() == grpc.StatusCode.NOT_FOUND and e.details() == "no such thing: ä%"
    assert failure(lambda: call(proxy, "nothing")).code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_deadline_is_passed_on(proxy, server):
    assert 50 < float(call(proxy, "remaining", timeout=100)) < 110  # the client rounds up
    e = failure(lambda: call(proxy, "never", timeout=2))  # enough to reach the server on a busy machine
    assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.service.cancelled.wait(PATIENCE_S)


def test_a_cancelled_call_is_cancelled_at_the_server(proxy, server):
    answers = call(proxy, "wait", kind="unary_stream")
    assert next(answers) == b"begun"
    answers.cancel()
    assert server.service.cancelled.wait(PATIENCE_S)


def test_calls_of_one_client_are_balanced(start):
    servers = [Server(name) for name in ("one", "two", "three")]
    proxy = start(*(s.port for s in servers), algorithm="round_robin")
    names = [dict(proxy.channel.unary_unary("/test.Test/unary").with_call(b"", timeout=PATIENCE_S)[1].initial_metadata())
             ["x-name"] for _ in range(9)]
    assert sorted(names) == sorted(3 * ["one", "two", "three"])
    for server in servers:
        server.close()


def test_a_server_that_drains_and_shuts_down_loses_no_call(start, tmp_path):
    """Python's server answers what comes while it shuts down with CANCELLED, to whomever; so it drains first."""
    servers = [Server("one"), Server("two")]
    proxy = start(*(s.port for s in servers), algorithm="round_robin", health_interval_ms=100)
    stop, failed, done = threading.Event(), [], []

    def drain(draining: bool, revision: int):
        changed = routes(*(s.port for s in servers), algorithm="round_robin", health_interval_ms=100)
        changed["target_groups"][0]["targets"][0]["draining"] = draining
        (tmp_path / "routes.json").write_text(json.dumps(changed))
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_line("routes served", revision)

    def ask():
        while not stop.is_set():
            try:
                done.append(call(proxy, "unary", b"x"))
            except grpc.RpcError as e:
                failed.append(e)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(3):
        before = len(done)
        eventually(lambda: len(done) > before + 50)
        drain(True, 2 * turn + 2)
        before = len(done)
        eventually(lambda: len(done) > before + 50)  # by the new routes, all of them
        servers[0].close(grace=PATIENCE_S)
        servers[0] = Server("one", servers[0].port)
        drain(False, 2 * turn + 3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    for server in servers:
        server.close()


def test_the_access_log_has_the_status_of_calls(tmp_path, server):
    log = tmp_path / "log"
    proxy = Proxy(tmp_path, routes(server.port, request_timeout_ms=1000), "--access-log", str(log), "--access-log-format", "json")
    proxy.channel = grpc.insecure_channel(f"127.0.0.1:{proxy.port}")
    assert call(proxy, "unary", b"hello") == b"hello"
    failure(lambda: call(proxy, "fail"))
    failure(lambda: call(proxy, "nowhere"))
    failure(lambda: call(proxy, "never"))
    with proxy.dial() as connection:  # no call
        connection.send(b"GET /test.Test/plain HTTP/1.1\r\nHost: w\r\n\r\n")
        assert connection.message().status == 464
    proxy.channel.close()
    proxy.stop()
    proxy.process.stderr.close()
    said = {line["path"].rpartition("/")[2]: line for line in map(json.loads, log.read_text().splitlines())}
    assert {name: line.get("grpc_status") for name, line in said.items()} == {
        "unary": 0, "fail": 5, "nowhere": 12, "never": 4, "plain": None}
    assert said["fail"]["status"] == 200 and said["never"]["status"] == 504


def test_calls_over_tls(server, tmp_path):
    certificate = Authority(tmp_path).issue("one", "one.test")
    proxy = Proxy(tmp_path, routes(server.port), "--tls-listen", "127.0.0.1:0", "--tls-certificate", str(certificate),
                  "--tls-key", str(certificate.with_suffix(".key")))
    [line] = [line for line in proxy.lines if "listening with TLS" in line]
    port = int(re.search(r"address=\S+:(\d+)", line)[1])
    trusted = grpc.ssl_channel_credentials((tmp_path / "ca.crt").read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{port}", trusted, (("grpc.ssl_target_name_override", "one.test"),)) as channel:
        assert channel.unary_unary("/test.Test/unary")(b"x", timeout=PATIENCE_S) == b"x"
        assert len(list(channel.unary_stream("/test.Test/count")(b"100", timeout=PATIENCE_S))) == 100
    proxy.stop()
    proxy.process.stderr.close()


# --- what weir says itself -----------------------------------------------------------------------


def test_no_server_is_unavailable(start, server):
    proxy = start(server.port, queue_timeout_ms=300)
    server.close()
    e = failure(lambda: call(proxy, "unary"))
    assert e.code() == grpc.StatusCode.UNAVAILABLE and e.details() == "No instance became available in time."


def test_a_full_queue_is_unavailable(start, server):
    proxy = start(server.port, concurrency_max=1, queue_length_max=0)
    answers = call(proxy, "wait", kind="unary_stream")
    assert next(answers) == b"begun"
    e = failure(lambda: call(proxy, "unary"))
    assert e.code() == grpc.StatusCode.UNAVAILABLE and e.details() == "Too many requests wait for an instance."
    answers.cancel()


def test_a_server_that_takes_too_long_is_deadline_exceeded(start, server):
    e = failure(lambda: call(start(server.port, request_timeout_ms=2000), "never"))
    assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED and e.details() == "The target did not answer in time."
    assert server.service.cancelled.wait(PATIENCE_S)


@pytest.mark.parametrize("after", [0, 1])
def test_a_server_that_breaks_off_is_unavailable(start, after):
    target = H2Target()

    def answer(request):
        if after:
            request.head(GRPC_OK)
            request.data(struct.pack(">BI", 0, 2) + b"ok")
        request.session.connection.sock.shutdown(2)

    target.answer = answer
    answers = call(start(target.port, retry_percent=0), "count", b"1", "unary_stream")
    e = failure(lambda: list(answers))
    assert e.code() == grpc.StatusCode.UNAVAILABLE and e.details().startswith("The target ")
    target.close()


def test_what_the_server_gets_of_a_call(start):
    target = H2Target()

    def answer(request):
        if request.field(":path") != "/AWS.ALB/healthcheck":
            request.head(GRPC_OK)
            request.data(struct.pack(">BI", 0, 0))
            request.head((("grpc-status", "0"),), ends=True)

    target.answer = answer
    assert call(start(target.port), "unary", b"abc", timeout=100) == b""
    [seen] = [r for r in target.seen if r.field(":path") == "/test.Test/unary"]
    assert seen.field(":method") == "POST" and seen.field("te") == "trailers"
    assert seen.field("content-type") == "application/grpc" and seen.field("grpc-timeout")
    assert seen.body == struct.pack(">BI", 0, 3) + b"abc"
    target.close()


@pytest.mark.parametrize("options", [("--http1.1", "-X", "POST"), ("--http2-prior-knowledge",)], ids=["h1", "get"])
def test_what_is_no_call_is_464(proxy, server, options):
    said = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *options,
                           f"http://127.0.0.1:{proxy.port}/test.Test/unary"], check=True, capture_output=True).stdout
    assert said == b"464" and not server.service.contexts


def test_a_client_that_asks_by_http_2_but_not_grpc_gets_http_errors(start, server):
    proxy = start(server.port, queue_timeout_ms=100)
    server.close()
    with proxy.dial() as connection:
        client = h2.Client(connection)
        client.request(1, h2.POST)
        assert b"503" in client.outcome(1) or client.outcome(1)[0] == 0x48  # a literal status, Huffman or not


# --- health --------------------------------------------------------------------------------------


def test_the_health_check_is_the_call_that_an_alb_makes(start):
    target, status = H2Target(), {"grpc-status": "12"}

    def answer(request):
        request.head((*GRPC_OK, *status.items()), ends=True)

    target.answer = answer
    proxy = start(target.port, health_interval_ms=100, unhealthy_threshold=2)
    request = target.wait_for_requests(3)[0]
    assert request.field(":path") == "/AWS.ALB/healthcheck" and request.field(":method") == "POST"
    assert request.field("content-type") == "application/grpc" and request.body == bytes(5)
    assert not any("unhealthy" in line for line in proxy.lines)
    status["grpc-status"] = "0"
    proxy.wait_for_line('target unhealthy group=g target=t0 why="grpc-status 0"')
    status["grpc-status"] = "12"
    proxy.wait_for_line("target healthy")
    del status["grpc-status"]
    proxy.wait_for_line("target unhealthy", 2)
    target.close()


def test_a_real_server_is_healthy(start, server):
    proxy = start(server.port, health_interval_ms=50, unhealthy_threshold=1)
    eventually(lambda: server.service.asked.count("/AWS.ALB/healthcheck") >= 5)
    assert call(proxy, "unary", b"x") == b"x"
    assert not any("unhealthy" in line for line in proxy.lines)
