"""Targets that are asked in HTTP/2: what passes, who shares a connection, and targets that mean harm
(docs/http2.md)."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading

import hpack
import pytest

import h2
from conftest import eventually
from h2_target import OK, SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, H2Target, setting
from wire import Proxy, Target, group

NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL = 0, 2, 7, 8
GET = b"GET /x?y HTTP/1.1\r\nHost: w\r\n\r\n"


def routes(*targets, **settings) -> dict:
    some = group("g", targets[0].port, protocol_version="HTTP2", **settings)
    some["targets"] = [{"id": f"t{i}", "address": f"127.0.0.1:{t.port}"} for i, t in enumerate(targets)]
    return {"routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [some]}


@pytest.fixture
def target():
    made = H2Target()
    yield made
    made.close()


@pytest.fixture
def start(tmp_path):
    """A function that starts a proxy; each is stopped, and must be well, at the end of the test."""
    started = []

    def begin(*targets, **settings) -> Proxy:
        started.append(Proxy(tmp_path, routes(*targets, **settings)))
        return started[-1]

    yield begin
    for proxy in started:
        proxy.stop()
        proxy.process.stderr.close()


@pytest.fixture
def proxy(start, target):
    return start(target)


def ask(proxy, request: bytes = GET):
    with proxy.dial() as connection:
        connection.send(request)
        return connection.message()


def begin(proxy, request: bytes = GET):
    """A request whose answer nobody waits for yet."""
    connection = proxy.dial()
    connection.send(request)
    return connection


def curl(proxy, *options) -> bytes:
    return subprocess.run(["curl", "-sS", "--max-time", "60", *options, f"http://127.0.0.1:{proxy.port}/x?y"],
                          check=True, capture_output=True).stdout


# --- what passes ---------------------------------------------------------------------------------


def test_a_request_of_http_1_reads_as_one_of_http_2(proxy, target):
    answer = ask(proxy, b"POST /x?y HTTP/1.1\r\nHost: w.example\r\nX-One: 1\r\nConnection: x-two\r\nx-two: 2\r\n"
                        b"TE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 9\r\n\r\n")
    assert answer.status == 200 and answer.body == b"ok"
    [seen] = target.seen
    assert seen.fields[:4] == [(":method", "POST"), (":scheme", "http"), (":path", "/x?y"),
                               (":authority", "w.example")]
    assert seen.field("x-one") == "1" and seen.field("te") == "trailers" and seen.body == b"abcde"
    assert seen.field("x-forwarded-for") == "127.0.0.1" and seen.trailers == [("x-sum", "9")]
    assert not {"host", "connection", "x-two", "transfer-encoding", "expect"} & {name for name, _ in seen.fields}


def test_an_answer_reads_the_same_to_clients_of_both(proxy, target):
    def answer(request):
        request.head((*OK, ("x-one", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("trailer", "x-end")))
        request.data(b"hel")
        request.data(b"lo")
        request.head((("x-end", "7"),), ends=True)

    target.answer = answer
    old = ask(proxy, b"GET / HTTP/1.1\r\nHost: w\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
    assert old.line == b"HTTP/1.1 200 OK" and old.body == b"hello" and old.trailers == b"x-end: 7\r\n"
    assert old.field("x-one") == b"1" and old.field("set-cookie") == b"a=1, b=2"
    with proxy.dial() as connection:
        client = h2.Client(connection)
        client.request(1, (*h2.GET, ("te", "trailers")))
        decoder, data, trailers = hpack.Decoder(), b"", None
        head = decoder.decode(client.wait(h2.HEADERS, 1)[1], raw=False)
        while not trailers:
            kind, flags, stream, payload = client.read()
            if kind == h2.DATA:
                data += payload
            elif kind == h2.HEADERS:
                trailers = decoder.decode(payload, raw=False)
        assert head[0] == (":status", "200") and trailers == [("x-end", "7")] and data == b"hello" and flags & h2.END_STREAM


@pytest.mark.parametrize("method, fields, status, length", [
    ("HEAD", ((":status", "200"), ("content-length", "5")), 200, b"5"),
    ("GET", ((":status", "204"),), 204, None),
    ("GET", ((":status", "304"), ("content-length", "5")), 304, None),
    ("GET", ((":status", "200"),), 200, b"0"),
])
def test_answers_without_a_body(proxy, target, method, fields, status, length):
    target.answer = lambda request: request.head(fields, ends=True)
    with proxy.dial() as connection:
        for _ in range(2):  # it is where the next one begins
            connection.send(method.encode() + b" / HTTP/1.1\r\nHost: w\r\n\r\n")
            answer = connection.message(head_only=True)
            assert answer.status == status
            assert status == 304 or answer.field("Content-Length") == length


def test_an_answer_before_the_answer(proxy, target):
    def answer(request):
        request.head(((":status", "103"), ("link", "</a>")))
        request.reply()

    target.answer = answer
    with proxy.dial() as connection:
        connection.send(GET)
        early, late = connection.message(head_only=True), connection.message()
    assert early.status == 103 and early.field("link") == b"</a>" and late.body == b"ok"


@pytest.mark.parametrize("option, size", [("--http1.1", 65350), ("--http2-prior-knowledge", 65150)])
def test_heads_as_large_as_they_may_be(proxy, target, option, size):
    """Each with what the proxy adds to it, and with what its side counts for a field (RFC 9113 §6.5.2)."""
    big = size * "x"
    target.answer = lambda request: request.session.large_head(request, (*OK, ("x-back", request.field("x-big"))))
    assert f"x-back: {big}".encode() in curl(proxy, option, "-i", "-H", f"X-Big: {big}", "-H", "User-Agent:").lower()


@pytest.mark.parametrize("option", ["--http1.1", "--http2-prior-knowledge"])
def test_large_bodies_pass_both_ways(proxy, target, tmp_path, option):
    blob = os.urandom(5_000_000)
    (tmp_path / "blob").write_bytes(blob)

    def echo(request):
        request.head((*OK, ("content-length", str(len(request.body)))))
        request.pour(request.body)

    target.answer = echo
    assert curl(proxy, option, "--data-binary", f"@{tmp_path / 'blob'}") == blob


def test_both_directions_at_once(proxy, target):
    """The answer begins before the request has ended, and they go on in turns."""
    target.answer = None
    target.begins = lambda request: request.head()
    with proxy.dial() as connection:
        client = h2.Client(connection)
        client.request(1, h2.POST, ends=False)
        assert client.outcome(1).startswith(h2.OK)
        [request] = target.begun
        for turn in (b"one", b"two", b"three"):
            client.send(h2.DATA, 0, 1, turn)
            target.wait(lambda: request.body.endswith(turn))
            request.data(turn[::-1])
            assert client.wait(h2.DATA, 1)[1] == turn[::-1]
        client.send(h2.DATA, h2.END_STREAM, 1)
        target.wait(lambda: request.ended)
        request.data(b"", ends=True)
        assert client.wait(h2.DATA, 1)[0] & h2.END_STREAM


# --- who shares a connection ---------------------------------------------------------------------


def test_requests_share_a_connection(proxy, target):
    target.answer = None
    clients = [begin(proxy) for _ in range(20)]
    for request in target.wait_for_requests(20):
        request.reply(str(request.stream).encode())
    assert sorted(int(c.message().body) for c in clients) == list(range(1, 41, 2))
    assert len(target.sessions) == 1


def test_beyond_the_targets_limit_there_is_another_connection(start):
    target = H2Target(setting(SETTINGS_MAX_CONCURRENT_STREAMS, 2))
    target.answer = None
    proxy = start(target)
    clients = [begin(proxy) for _ in range(5)]
    seen = target.wait_for_requests(5)
    assert len(target.sessions) == 3 and max(len(s.requests) for s in target.sessions) == 2
    for request in seen:
        request.reply()
    assert all(c.message().status == 200 for c in clients)
    target.close()


def test_a_target_that_takes_nothing_is_given_up(start):
    target = H2Target(setting(SETTINGS_MAX_CONCURRENT_STREAMS, 0))
    assert ask(start(target)).status == 502
    assert target.begun == []
    target.close()


def test_streams_that_a_goaway_does_not_name_are_sent_again(proxy, target):
    target.answer = None
    clients = [begin(proxy, b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc") for _ in range(3)]
    first, second, third = target.wait_for_requests(3)
    first.session.goaway(first.stream)
    again = target.wait_for_requests(5)[3:]
    assert all(r.session is not first.session and r.body == b"abc" for r in again)
    for request in (first, *again):
        request.reply()
    assert [c.message().status for c in clients] == [200, 200, 200]
    target.wait(lambda: first.session.ended)  # when its last stream is over
    assert len(target.sessions) == 2


def test_a_session_that_says_goodbye_gets_nothing_new(proxy, target):
    assert ask(proxy).status == 200
    target.sessions[0].goaway(0x7fffffff)
    target.wait(lambda: target.sessions[0].ended)
    assert ask(proxy).status == 200
    assert len(target.sessions) == 2


@pytest.mark.parametrize("code, status", [(REFUSED_STREAM, 200), (INTERNAL_ERROR, 502), (CANCEL, 502)])
def test_only_a_refused_stream_is_sent_again(proxy, target, code, status):
    def answer(request):
        if len(target.seen) == 1:
            request.rst(code)
        else:
            request.reply()

    target.answer = answer
    answer = ask(proxy, b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc")
    assert answer.status == status
    assert [r.body for r in target.seen] == ([b"abc"] * 2 if status == 200 else [b"abc"])


def test_a_connection_that_was_closed_meanwhile_is_no_error(proxy, target):
    assert ask(proxy).status == 200
    target.sessions[0].connection.sock.shutdown(socket.SHUT_RDWR)
    assert ask(proxy, b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc").status == 200


def test_a_target_that_dies_takes_its_requests_with_it_and_no_others(proxy, target):
    target.answer = None
    clients = [begin(proxy, b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n") for _ in range(3)]
    target.wait_for_requests(3)
    target.sessions[0].connection.sock.shutdown(socket.SHUT_RDWR)
    assert [c.message().status for c in clients] == [502, 502, 502]
    target.answer = lambda request: request.reply()
    assert ask(proxy).status == 200


@pytest.mark.parametrize("version", [1, 2])
def test_a_client_that_leaves_cancels_its_stream_only(proxy, target, version):
    target.answer = None
    stays = begin(proxy)
    [first] = target.wait_for_requests(1)
    if version == 1:
        begin(proxy).close()
    else:
        connection = proxy.dial()
        client = h2.Client(connection)
        client.request(1)
        target.wait_for_requests(2)
        client.send(h2.RST_STREAM, 0, 1, struct.pack(">I", CANCEL))
    target.wait(lambda: len(target.seen) == 2 and target.seen[1].reset is not None)
    assert target.seen[1].reset == CANCEL and first.reset is None
    first.reply()
    assert stays.message().status == 200 and len(target.sessions) == 1


def test_a_connection_that_is_full_for_a_while_is_no_connect_that_fails(start):
    """What shares a connection waits behind what goes out there, longer than a connect may take."""
    target, goes_on = H2Target(setting(SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30)), threading.Event()
    target.greeting += h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
    target.begins = lambda request: goes_on.wait() if request.field(":path") == "/full" else None
    proxy = start(target)
    with proxy.dial() as uploads:
        uploads.send(b"POST /full HTTP/1.1\r\nHost: w\r\nContent-Length: 30000000\r\n\r\n")
        assert uploads.fill(30_000_000) < 30_000_000
        with begin(proxy) as other:
            other.sock.settimeout(2)
            with pytest.raises(TimeoutError):
                other.message()
            goes_on.set()
            other.sock.settimeout(20)
            assert other.message().status == 200
    target.close()


def test_a_ping_for_each_piece_of_a_body_is_no_flood(proxy, target):
    """Servers of gRPC ping after each message that they get, to measure how much may be on its way."""
    target.pings = True
    with proxy.dial() as connection:
        client = h2.Client(connection)
        client.request(1, h2.POST, ends=False)
        for i in range(2500):
            client.send(h2.DATA, 0, 1, b"x")
            target.wait(lambda: target.begun and len(target.begun[0].body) > i)
        client.send(h2.DATA, h2.END_STREAM, 1)
        assert client.outcome(1).startswith(h2.OK)


def test_a_slow_client_holds_up_its_own_stream_only(proxy, target):
    target.answer = None
    with proxy.dial() as connection:
        client = h2.Client(connection, setting(SETTINGS_INITIAL_WINDOW_SIZE, 0))
        client.request(1)
        [request] = target.wait_for_requests(1)
        request.head()
        for _ in range(16):
            request.data(bytes(16000))  # within the stream's window: nothing of it may leave
        assert client.outcome(1).startswith(h2.OK)
        target.answer = lambda request: request.reply()
        for _ in range(5):
            assert ask(proxy).body == b"ok"
        client.send(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1_000_000))
        client.send(h2.WINDOW_UPDATE, 0, 1, struct.pack(">I", 1_000_000))
        got = 0
        while got < 16 * 16000:
            got += len(client.wait(h2.DATA, 1)[1])
        request.data(b"", ends=True)
    assert len(target.sessions) == 1


def test_a_closed_window_of_the_target_holds_up_the_client(start):
    target = H2Target(setting(SETTINGS_INITIAL_WINDOW_SIZE, 1000))
    target.answer, target.reads = None, False
    proxy = start(target)
    with proxy.dial() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 100000000\r\n\r\n")
        assert connection.fill(100_000_000) < 100_000_000
        target.wait(lambda: target.begun and len(target.begun[0].body) >= 1000)
        [request] = target.begun
        other = begin(proxy)
        target.wait(lambda: target.seen and target.seen[0].field(":method") == "GET")
        target.seen[0].reply()
        assert other.message().status == 200
        assert len(request.body) == 1000
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leave with a reset
    target.wait(lambda: request.reset == CANCEL)
    target.close()


def test_targets_come_and_go_under_running_streams(start, tmp_path, target):
    other = H2Target()
    proxy = start(target)
    target.answer = None
    client = begin(proxy)
    [request] = target.wait_for_requests(1)
    request.head()
    (tmp_path / "routes.json").write_text(json.dumps(routes(other)))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_line("routes served", 2)
    for _ in range(3):
        assert ask(proxy).status == 200
    assert len(other.seen) == 3 and len(target.seen) == 1
    request.data(b"late", ends=True)
    assert client.message().body == b"late"
    target.wait(lambda: target.sessions[0].ended)
    assert target.sessions[0].goaway_seen == NO_ERROR
    other.close()


class Server:
    """A server of HTTP/2 that shuts down as it should: another weir, which restarts on its port."""

    def __init__(self, folder, behind):
        self.folder, self.behind, self.port = folder, behind, 0
        folder.mkdir()
        self.start()

    def start(self):
        made = {"routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [group("g", self.behind.port)]}
        self.proxy = Proxy(self.folder, made, "--listen", f"127.0.0.1:{self.port}")
        self.port = self.proxy.port

    def stop(self):
        self.proxy.stop()
        self.proxy.process.stderr.close()


def test_servers_that_shut_down_in_order_lose_no_request(start, tmp_path):
    behind = Target()
    servers = [Server(tmp_path / name, behind) for name in ("one", "two")]
    proxy = start(*servers, algorithm="round_robin", health_interval_ms=50)
    stop, failed, done = threading.Event(), [], []

    def load():
        with proxy.dial() as connection:
            while not stop.is_set():
                connection.send(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc")
                status = connection.message().status
                (done if status == 200 else failed).append(status)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(6):
        before = len(done)
        eventually(lambda: len(done) > before + 100)
        servers[turn % 2].stop()
        servers[turn % 2].start()
        proxy.wait_for_line("target healthy", turn + 1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:5]
    for server in servers:
        server.stop()
    behind.close()


def test_the_protocol_may_change_at_a_reload(start, tmp_path, target):
    proxy = start(target)
    assert ask(proxy).status == 200
    changed = routes(target)
    changed["target_groups"][0]["protocol_version"] = "HTTP1"
    (tmp_path / "routes.json").write_text(json.dumps(changed))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_line("routes served", 2)
    assert ask(proxy).status == 502  # it knows nothing else
    target.wait(lambda: target.sessions[0].ended)


def test_a_draining_target_keeps_its_streams_until_the_delay_is_over(start, tmp_path, target):
    proxy = start(target)
    target.answer = None
    clients = [begin(proxy), begin(proxy)]
    early, late = target.wait_for_requests(2)
    early.head()
    late.head()
    draining = routes(target, deregistration_delay_ms=1500)
    draining["target_groups"][0]["targets"][0]["draining"] = True
    (tmp_path / "routes.json").write_text(json.dumps(draining))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_line("routes served", 2)
    answers = {early.stream: early, late.stream: late}
    answers[min(answers)].data(b"in time", ends=True)
    target.wait(lambda: answers[max(answers)].reset == CANCEL)
    said = []
    for client in clients:
        try:
            said.append(client.message().body)
        except EOFError:
            said.append("cut")
    assert sorted(said, key=str) == [b"in time", "cut"]


def test_a_cap_and_its_queue_count_streams(start, target):
    target.answer = None
    proxy = start(target, concurrency_max=2)
    clients = [begin(proxy) for _ in range(6)]
    for turn in range(3):
        target.wait_for_requests(2 * turn + 2)
        assert len(target.seen) == 2 * turn + 2  # and no more before there is room
        for request in target.seen[2 * turn:]:
            request.reply()
    assert [client.message().status for client in clients] == [200] * 6


def test_the_access_log_has_streams_and_their_times(tmp_path, target):
    log = tmp_path / "log"
    proxy = Proxy(tmp_path, routes(target), "--access-log", str(log), "--access-log-format", "json")
    for _ in range(2):
        assert ask(proxy).status == 200
    proxy.stop()
    proxy.process.stderr.close()
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert first["connect_us"] >= 0 and "connect_us" not in second
    for line in (first, second):
        assert line["status"] == line["target_status"] == 200 and line["total_us"] >= line["target_us"] >= 0
        assert line["target"] == f"127.0.0.1:{target.port}"


def test_a_draining_proxy_lets_streams_end(start, target):
    target.answer = None
    proxy = start(target)
    client = begin(proxy)
    [request] = target.wait_for_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.wait_for_line("draining")
    request.reply()
    assert client.message().body == b"ok"
    assert proxy.process.wait(60) == 0


def test_h2load_through_both_sides(proxy, target):
    said = subprocess.run(["h2load", "-n", "500", "-c", "4", "-m", "10", f"http://127.0.0.1:{proxy.port}/"],
                          capture_output=True, text=True, timeout=120).stdout
    assert "500 succeeded, 0 failed" in said, said


# --- who is no target of HTTP/2, or a bad one ----------------------------------------------------


def raw(*data):
    return lambda request: [request.session.raw(d(request.stream) if callable(d) else d) for d in data]


def headers(fields, flags=h2.END_HEADERS | h2.END_STREAM):
    return lambda stream: h2.frame(h2.HEADERS, flags, stream, fields if isinstance(fields, bytes) else h2.block(fields))


BOMB = h2.field("x", 4000 * "y", first=0x40)
HARM = {
    "settings of a wrong length": raw(h2.frame(h2.SETTINGS, 0, 0, b"123")),
    "settings on a stream": raw(lambda s: h2.frame(h2.SETTINGS, 0, s)),
    "data on no stream": raw(h2.frame(h2.DATA, 0, 0, b"x")),
    "data before a head": raw(lambda s: h2.frame(h2.DATA, h2.END_STREAM, s, b"x")),
    "an oversized frame": raw(lambda s: h2.frame(h2.DATA, 0, s, bytes(20000))),
    "a push": raw(lambda s: h2.frame(5, h2.END_HEADERS, s, struct.pack(">I", 2) + h2.block(h2.GET))),
    "a stream of its own": raw(h2.frame(h2.HEADERS, h2.END_HEADERS, 2, h2.block(OK))),
    "a stream that nobody asked for": raw(h2.frame(h2.HEADERS, h2.END_HEADERS, 999, h2.block(OK))),
    "garbage": raw(bytes(range(1, 200))),
    "an endless integer in HPACK": raw(headers(b"\xff" * 20)),
    "an index that is not there": raw(headers(b"\x88\xfe")),
    "an HPACK bomb": raw(headers(h2.block(OK) + BOMB + 50 * b"\xbe")),
    "an endless HPACK bomb": raw(headers(h2.block(OK) + BOMB + 10000 * b"\xbe")),
    "a flood of fields": raw(headers(h2.block(OK) + 200 * h2.field("x", "y"))),
    "a flood of continuations": raw(headers(OK, 0), lambda s: 1000 * h2.frame(h2.CONTINUATION, 0, s, h2.field("x", "y"))),
    "no status": raw(headers((("x", "y"),))),
    "two statuses": raw(headers((*OK, *OK))),
    "a late status": raw(headers((("x", "y"), *OK))),
    "a status that is none": raw(headers(((":status", "20"),))),
    "a status that is no number": raw(headers(((":status", "abc"),))),
    "switching protocols": raw(headers(((":status", "101"),), h2.END_HEADERS)),
    "an interim that ends": raw(headers(((":status", "103"),))),
    "endless interims": raw(*[headers(((":status", "103"),), h2.END_HEADERS)] * 50),
    "an upper case name": raw(headers((*OK, ("X-Upper", "1")))),
    "a line end in a value": raw(headers((*OK, ("x", "a\r\nb: c")))),
    "a NUL in a value": raw(headers((*OK, ("x", "a\0b")))),
    "a line end in a name": raw(headers((*OK, ("x\r\ny", "a")))),
    "a field of connections": raw(headers((*OK, ("connection", "close")))),
    "a transfer coding": raw(headers((*OK, ("transfer-encoding", "chunked")))),
    "two lengths": raw(headers((*OK, ("content-length", "1"), ("content-length", "2")))),
    "a negative length": raw(headers((*OK, ("content-length", "-1")))),
    "a length without a body": raw(headers((*OK, ("content-length", "5")))),
    "a window beyond its bounds": raw(*[lambda s: h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")] * 2),
    "a window update of nothing": raw(h2.frame(h2.WINDOW_UPDATE, 0, 0, bytes(4))),
    "a flood of pings": raw(5000 * h2.frame(h2.PING, 0, 0, bytes(8))),
    "a flood of settings": raw(5000 * h2.frame(h2.SETTINGS, 0, 0)),
    "a flood of resets": raw(lambda s: 5000 * h2.frame(h2.RST_STREAM, 0, s, bytes(4))),
    "goodbye to everything": lambda request: request.session.goaway(0, 2),
}


def told(proxy, target, why: str):
    """The log says whose answer was not valid, and why."""
    proxy.wait_for_line(f'answers are not valid HTTP group=g target=t0 address=127.0.0.1:{target.port} why="{why}')


@pytest.mark.parametrize("what, why", [
    ("no status", "the status is missing"),
    ("a flood of fields", "the header fields are too large"),
    ("endless interims", "there are too many interim answers"),
    ("a NUL in a value", "a field is not valid in HTTP/2"),
    ("two lengths", "Invalid HTTP header field was received"),
    ("an index that is not there", "COMPRESSION_ERROR"),
    ("an oversized frame", "FRAME_SIZE_ERROR: "),
])
def test_the_log_says_what_was_wrong_with_an_answer(proxy, target, what, why):
    target.answer = HARM[what]
    with begin(proxy) as connection:
        while connection.message(head_only=True).status == 103:
            pass
    told(proxy, target, why)


@pytest.mark.parametrize("what", HARM)
def test_a_bad_answer_is_502_and_the_thread_goes_on(proxy, target, what):
    def answer(request):
        if request.field(":path") != "/bad":
            request.reply()
            return
        try:
            HARM[what](request)
        except OSError:
            pass  # the proxy has had enough

    target.answer = answer
    assert ask(proxy).status == 200
    with begin(proxy, b"GET /bad HTTP/1.1\r\nHost: w\r\n\r\n") as connection:
        while (status := connection.message(head_only=True).status) == 103:
            pass
    assert status == 502
    assert ask(proxy).status == 200


def test_refused_heads_do_not_add_up(proxy, target):
    """Each is within the bounds, and ends its stream; the connection stays, however many there are."""
    target.answer = lambda request: request.session.large_head(
        request, (*OK, *[("x", 1000 * "y")] * 40, ("X-Upper", "1")))
    for _ in range(30):
        assert ask(proxy).status == 502
    assert len(target.sessions) == 1


@pytest.mark.parametrize("pieces", [
    [headers((*OK, ("content-length", "5")), h2.END_HEADERS), lambda s: h2.frame(h2.DATA, h2.END_STREAM, s, b"four")],
    [headers((*OK, ("content-length", "3")), h2.END_HEADERS), lambda s: h2.frame(h2.DATA, h2.END_STREAM, s, b"four")],
    [headers(OK, h2.END_HEADERS), lambda s: h2.frame(h2.DATA, 0, s, b"part"), lambda s: h2.frame(h2.RST_STREAM, 0, s, b"\0\0\0\2")],
    [headers(OK, h2.END_HEADERS), lambda s: h2.frame(h2.DATA, 0, s, b"part"), headers(((":status", "200"),))],
    [headers(OK, h2.END_HEADERS), lambda s: 3000 * h2.frame(h2.DATA, 0, s)],
], ids=["too little", "too much", "a reset", "a second head", "empty data"])
def test_an_answer_that_goes_wrong_is_cut(proxy, target, pieces):
    target.answer = raw(*pieces)
    with proxy.dial() as connection:
        connection.send(GET)
        answer = connection.message(head_only=True)
        assert answer.status == 200
        rest = connection.rest()
        assert not rest.endswith(b"0\r\n\r\n") and len(rest) < 5 or b"four" not in rest
    target.answer = lambda request: request.reply()
    assert ask(proxy).status == 200


def test_what_speaks_only_http_1_is_502(start):
    target = Target()
    target.one = lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    proxy = start(target)
    assert ask(proxy).status == 502
    told(proxy, target, "PROTOCOL_ERROR: SETTINGS expected")
    target.close()


def test_what_says_nothing_is_left_out(start, target):
    silent = H2Target()
    silent.greeting = None
    proxy = start(silent, target, algorithm="round_robin")
    assert [ask(proxy).status for _ in range(4)] == [200] * 4
    assert silent.begun == [] and silent.sessions
    silent.close()


def test_a_failing_target_is_ejected(start, target):
    bad = H2Target()
    bad.answer = lambda request: request.rst(INTERNAL_ERROR)
    proxy = start(target, bad, algorithm="round_robin", eject_after=2, eject_ms=60000)
    said = [ask(proxy).status for _ in range(20)]
    assert said.count(502) == 2 and said[-10:] == [200] * 10
    proxy.wait_for_line("target ejected")
    bad.close()


# --- health --------------------------------------------------------------------------------------


def test_health_is_asked_in_http_2(start, target):
    health = {"status": "200"}

    def answer(request):
        if request.field(":path") == "/health":
            request.head(((":status", health["status"]),), ends=True)
        else:
            request.reply()

    target.answer = answer
    proxy = start(target, health_interval_ms=100, unhealthy_threshold=2, health_matcher="200,204-206")
    health["status"] = "205"
    n = len(target.seen)
    target.wait_for_requests(n + 3)
    assert not any("unhealthy" in line for line in proxy.lines)
    health["status"] = "500"
    proxy.wait_for_line("target unhealthy")
    assert any('why="status 500"' in line for line in proxy.lines)
    health["status"] = "204"
    proxy.wait_for_line("target healthy")
