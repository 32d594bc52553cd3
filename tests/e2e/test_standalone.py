"""weir proxy --routes: a load balancer without a control plane."""
import concurrent.futures
import ctypes
import http.client
import http.server
import json
import random
import re
import signal
import struct
import subprocess
import threading
import time

import pytest

from conftest import WEIR


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"server": self.server.name, "path": self.path, "body": body.decode(),
                             "for": self.headers["X-Forwarded-For"]}).encode()
        self.send_response(201, "Made")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def servers():
    made = []
    for name in ("one", "two"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.daemon_threads = True
        server.name = name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def group(server) -> dict:
    return {"id": server.name, "health_path": "/health",
            "targets": [{"id": "t", "address": "127.0.0.1:%d" % server.server_address[1]}]}


class Mirror(Echo):
    """Answers with what it was sent, and takes its time now and then."""

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        body = bytearray()
        while left:
            part = self.rfile.read(min(left, 300_000))
            body += part
            left -= len(part)
            time.sleep(0.001)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def mirror():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.daemon_threads = True
    server.name = "mirror"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Standalone:
    def __init__(self, file, routes, *options, before=None):
        file.write_text(routes)
        self.process = subprocess.Popen(
            [WEIR, "proxy", "--routes", file, "--listen", "127.0.0.1:0", "--threads", "2", *options],
            stderr=subprocess.PIPE, text=True, preexec_fn=before)

    def line(self, text: str) -> str:
        for line in self.process.stderr:
            if text in line:
                return line
        raise AssertionError(f"it ended before it said {text}")

    def started(self):
        self.port = int(re.search(r"address=\S+:(\d+)", self.line("listening"))[1])
        self.io = re.search(r"io=(\S+)", self.line("serving"))[1]
        return self

    def ask(self, method: str, path: str, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.reason, json.loads(text)


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(routes, *options, before=None) -> Standalone:
        text = routes if isinstance(routes, str) else json.dumps(routes)
        started.append(Standalone(tmp_path / "routes.json", text, *options, before=before))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(20) == 0
        one.process.stderr.close()


def test_forwards_and_takes_a_new_file_on_sighup(start, servers, tmp_path):
    one, two = servers
    proxy = start({"routes": [{"path_prefix": "/app", "target_group": "one"}], "target_groups": [group(one)]}).started()
    assert proxy.ask("POST", "/app/x?y", "hello") == (
        201, "Made", {"server": "one", "path": "/app/x?y", "body": "hello", "for": "127.0.0.1"})
    status, _, answer = proxy.ask("POST", "/", "Action=GetCallerIdentity")
    assert status == 404 and "no API" in answer["message"]

    (tmp_path / "routes.json").write_text("{ what? }")
    proxy.process.send_signal(signal.SIGHUP)
    assert "the old routes stay" in proxy.line("routes not read")
    assert proxy.ask("POST", "/app", "x")[2]["server"] == "one"

    (tmp_path / "routes.json").write_text(json.dumps(
        {"routes": [{"path_prefix": "/", "target_group": "two"}], "target_groups": [group(one), group(two)]}))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.line("routes served")
    assert proxy.ask("POST", "/anything", "x")[2]["server"] == "two"


def mirrored(port: int, seed: int) -> int:
    """Send bodies of many sizes on one connection; how many came back changed?"""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    changed = 0
    for _ in range(12):
        body = chance.randbytes(chance.choice((1, 1000, 70_000, 300_000, 1 << 20, 3 << 20)) + chance.randrange(100))
        connection.request("POST", "/", body)
        changed += connection.getresponse().read() != body
    connection.close()
    return changed


@pytest.mark.parametrize("io", ["epoll", "auto"])
def test_bodies_of_all_sizes_come_whole_both_ways(start, mirror, io):
    proxy = start(json.dumps({"routes": [{"path_prefix": "/", "target_group": "mirror"}],
                              "target_groups": [group(mirror)]}), "--io", io)
    proxy.started()
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        assert list(clients.map(lambda seed: mirrored(proxy.port, seed), range(8))) == [0] * 8


def test_serves_endpoints_without_control(start, servers):
    proxy = start({"settings": {"auth": False}, "target_groups": [group(servers[0])],
                   "endpoints": [{"name": "e", "variants": [{"name": "v", "target_group": "one"}]}]}).started()
    assert proxy.ask("POST", "/endpoints/e/invocations", "row")[2]["path"] == "/invocations"


# every kind of mistake is in src/cli/test_proxy_routes.c
@pytest.mark.parametrize("routes, why", [
    ("{", "line 1 column 1: this is no JSON"),
    ("[]", "it is a list, but must be an object"),
    ({"route": []}, "there is no 'route'; 'routes' is meant, perhaps"),
    ({"routes": [{"path_prefix": "/", "target_group": "g"}]}, "routes[0].target_group: there is no target group 'g'"),
    ({"target_groups": [{"id": "g"}, {"id": "h", "targets": [{"address": "localhost:1"}]}]},
     "target_groups[1].targets[0].id: it is missing, and must be a text"),
    ({"target_groups": [{"id": "g", "algorithm": "least_conn"}]},
     "target_groups[0].algorithm: it is 'least_conn', but must be one of least_outstanding"),
    ({"target_groups": [{"id": "g", "request_timeout_ms": 0}]},
     "target_groups[0].request_timeout_ms: it is 0, but must be milliseconds from 1"),
    ({"options": {"io": "kqueue"}}, "options.io: it is 'kqueue', but must be epoll, uring or auto"),
])
def test_does_not_start_with_a_bad_file(start, routes, why, tmp_path):
    proxy = start(routes)
    line = proxy.line("routes not read")
    assert why in line and str(tmp_path / "routes.json") in line
    assert proxy.process.wait(20) == 1


def test_says_which_options_do_not_go_together():
    for words in (["--listen", "127.0.0.1:0"], ["--routes", "x", "--api-address", "unix:/x"], []):
        run = subprocess.run([WEIR, "proxy", *words], stderr=subprocess.PIPE, text=True, check=False)
        assert run.returncode == 2 and "--routes" in run.stderr


# --- io_uring ----------------------------------------------------------------------------------------------------------

def refuse_io_uring():
    """As container runtimes do: io_uring_setup() is not permitted to this process from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = [(0x20, 0, 0, 0),           # load the number of the system call
             (0x15, 0, 1, 425),         # is it io_uring_setup()?
             (0x06, 0, 0, 0x00050001),  # then EPERM
             (0x06, 0, 0, 0x7fff0000)]  # else go on
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    filter_text = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(filter_text)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def test_goes_without_io_uring_where_it_is_not_permitted(start, servers):
    proxy = start({"routes": [{"path_prefix": "/", "target_group": "one"}], "target_groups": [group(servers[0])]},
                  before=refuse_io_uring).started()
    assert proxy.io == "epoll"
    assert proxy.ask("POST", "/x", "hello")[0] == 201


def test_says_so_where_io_uring_was_asked_for_and_is_not_permitted(start, servers, tmp_path):
    routes = {"routes": [{"path_prefix": "/", "target_group": "one"}], "target_groups": [group(servers[0])]}
    proxy = start(routes, "--io", "uring", before=refuse_io_uring)
    assert "does not permit io_uring" in proxy.line("no --io uring")
    assert proxy.process.wait(20) == 1
    run = subprocess.run([WEIR, "serve", "--state", tmp_path / "state", "--io", "uring"], stderr=subprocess.PIPE,
                         text=True, check=False, preexec_fn=refuse_io_uring)
    assert run.returncode == 1 and "does not permit io_uring" in run.stderr


def test_epoll_can_be_chosen(start, servers):
    routes = {"routes": [{"path_prefix": "/", "target_group": "one"}], "target_groups": [group(servers[0])]}
    proxy = start(routes, "--io", "epoll").started()
    assert proxy.io == "epoll"
    assert proxy.ask("POST", "/x", "hello")[0] == 201
