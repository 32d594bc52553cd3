"""What one client, and all of them, may have of the proxy; and what is written down of them."""
import http.client
import json
import re
import signal
import socket
import time

import pytest

from conftest import eventually
from test_standalone import Standalone, group, servers  # noqa: F401


@pytest.fixture
def start(tmp_path, servers):  # noqa: F811
    started = []

    def begin(*options, **more) -> Standalone:
        routes = {"target_groups": [group(servers[0])], "routes": [{"path_prefix": "/", "target_group": "one"}], **more}
        started.append(Standalone(tmp_path / "routes.json", json.dumps(routes), *options))
        return started[-1].started()

    yield begin
    for proxy in started:
        proxy.process.send_signal(signal.SIGTERM)
        errors = proxy.process.communicate(timeout=60)[1]
        assert proxy.process.returncode == 0 and "Sanitizer" not in errors, errors


def connect(proxy, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30, source_address=(source, 0))


def get(client: socket.socket, fields: str = "") -> tuple:
    """(status, head) of one more answer on a connection."""
    client.sendall(f"GET /x HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(65536)
        assert more, head
        head += more
    return int(head.split()[1]), head.decode()


def ask(proxy, source: str = "127.0.0.1", fields: str = "") -> tuple:
    with connect(proxy, source) as client:
        return get(client, fields)


def test_all_clients_together_have_a_limit(start):
    proxy = start("--connections-max", "3")
    clients = [connect(proxy) for _ in range(3)]
    assert [get(c)[0] for c in clients] == [200] * 3
    status, head = ask(proxy)
    assert status == 503 and "Retry-After: 1" in head and "Connection: close" in head
    assert [get(c)[0] for c in clients] == [200] * 3
    clients.pop().close()
    eventually(lambda: ask(proxy)[0] == 200, why="a place is free again")
    for c in clients:
        c.close()


def test_one_address_has_a_limit_of_connections(start):
    proxy = start("--client-connections-max", "2")
    clients = [connect(proxy) for _ in range(2)]
    assert [get(c)[0] for c in clients] == [200] * 2
    status, head = ask(proxy)
    assert status == 503 and "Retry-After: 1" in head
    assert ask(proxy, "127.0.0.2")[0] == 200
    clients.pop().close()
    eventually(lambda: ask(proxy)[0] == 200, why="a place is free again")
    clients.pop().close()


def test_one_address_has_a_limit_of_requests(start):
    # so slow that no token comes back during the test
    proxy = start(options={"client-requests-per-s": 1, "client-burst": 5})
    tokens_seen = []
    with connect(proxy) as client:
        for _ in range(30):
            status, head = get(client)
            tokens_seen.append(status)
            if status == 429:
                break
        assert status == 429 and tokens_seen.count(200) >= 5
        assert int(re.search(r"Retry-After: (\d+)", head)[1]) >= 1
        assert "ThrottlingException" in head
        assert ask(proxy, "127.0.0.2")[0] == 200
        eventually(lambda: get(client)[0] == 200, why="on the same connection, a token has come back")


def test_trusted_proxies_speak_for_their_clients(start):
    proxy = start("--client-requests-per-s", "1", "--client-burst", "1", "--trusted-proxies", "127.0.0.1,10.0.0.0/8")

    def exhaust(fields: str):
        eventually(lambda: ask(proxy, fields=fields)[0] == 429, why=fields)

    exhaust("X-Forwarded-For: 192.0.2.1\r\n")
    assert ask(proxy, fields="X-Forwarded-For: 192.0.2.2, 10.1.1.1\r\n")[0] == 200
    assert ask(proxy, "127.0.0.2")[0] == 200  # not trusted: speaks for itself, whatever it says
    eventually(lambda: ask(proxy, "127.0.0.2", "X-Forwarded-For: 192.0.2.77\r\n")[0] == 429)


def test_timeouts_are_options(start):
    proxy = start("--head-timeout", "1", "--idle-timeout", "1", "--body-timeout", "1")
    with connect(proxy) as idle, connect(proxy) as slow_head, connect(proxy) as slow_body:
        slow_head.sendall(b"GET / HTTP/1.1\r\n")
        slow_body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12")
        assert slow_head.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert idle.recv(4096) == b""
        assert slow_body.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert ask(proxy)[0] == 200


def test_short_memory_refuses_and_stays_up(start):
    proxy = start("--memory-max-mb", "1")  # it has more from the start
    eventually(lambda: refused(proxy), why="memory is looked at")
    status, head = ask(proxy)
    assert status == 503 and "Retry-After: 1" in head
    assert proxy.process.poll() is None


def refused(proxy) -> bool:
    return ask(proxy)[0] == 503


def test_bodies_in_memory_have_a_ceiling(start_weir):
    weir = start_weir("--no-auth", "--kept-bodies-max-mb", "1")
    host, port = weir.url.removeprefix("http://").split(":")
    small = http.client.HTTPConnection(host, int(port), timeout=60)
    small.request("POST", "/", b"x" * 1000)
    assert small.getresponse().status != 503
    large = http.client.HTTPConnection(host, int(port), timeout=60)
    large.request("POST", "/", b"x" * (3 << 20))
    answer = large.getresponse()
    assert answer.status == 503 and answer.headers["Retry-After"] == "1"
    small = http.client.HTTPConnection(host, int(port), timeout=60)
    small.request("POST", "/", b"x" * 1000)
    assert small.getresponse().status != 503
    assert weir.stop() == 0


def test_wrong_options_are_refused(start, tmp_path, servers):  # noqa: F811
    for options in ({"client-burst": 0}, {"nonsense": 1}, {"trusted-proxies": "x"}, [1], {"head-timeout": "0"}):
        proxy = Standalone(tmp_path / "wrong.json", json.dumps({"options": options}))
        errors = proxy.process.communicate(timeout=60)[1]
        assert proxy.process.returncode == 1 and "routes not read" in errors, errors


def test_the_access_log_has_every_request(start, tmp_path):
    log = tmp_path / "access.log"
    proxy = start("--access-log", str(log), "--access-log-format", "json")
    with connect(proxy) as client:
        for _ in range(20):
            assert get(client, "User-Agent: a \"quoted\" one\r\n")[0] == 200
    lines = eventually(lambda: log.exists() and (rows := log.read_text().splitlines()) and len(rows) == 20 and rows)
    for line in map(json.loads, lines):
        assert (line["status"], line["target_status"], line["method"], line["path"]) == (200, 200, "GET", "/x")
        assert line["user_agent"] == 'a "quoted" one' and line["target_group"] == "one"
        assert line["client"].startswith("127.0.0.1:") and line["target"].startswith("127.0.0.1:")
        assert line["total_us"] >= line["target_us"] >= 0 and line["queue_us"] >= 0

    log.rename(tmp_path / "access.log.1")
    proxy.process.send_signal(signal.SIGUSR1)
    eventually(log.exists, why="opened anew")
    assert ask(proxy)[0] == 200
    eventually(lambda: len(log.read_text().splitlines()) == 1)


def test_the_access_log_of_a_server_is_as_of_load_balancers(start_weir, tmp_path):
    log = tmp_path / "access.log"
    weir = start_weir("--access-log", str(log))
    weir.client("sagemaker").list_endpoints()
    line = eventually(lambda: log.exists() and [x for x in log.read_text().splitlines() if '"POST http' in x])[0]
    fields = re.findall(r'"[^"]*"|\S+', line)
    assert len(fields) == 30, "as many as Elastic Load Balancing documents"
    assert fields[0] == "http" and fields[8] == "200" and re.fullmatch(r"127\.0\.0\.1:\d+", fields[3])
    log.unlink()
    weir.process.send_signal(signal.SIGUSR1)
    eventually(log.exists, why="the supervisor passes SIGUSR1 on")
    assert weir.stop() == 0


def test_slow_requests_are_logged(start):
    proxy = start("--slow-request-ms", "1", "--client-requests-per-s", "1000")
    with connect(proxy) as client:
        client.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1")
        time.sleep(0.05)  # the request is to take longer than the limit, and does
        client.sendall(b"2")
        assert client.recv(65536).startswith(b"HTTP/1.1 201")
    assert "path=" in proxy.line("slow request")
