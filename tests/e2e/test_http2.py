"""HTTP/2 toward clients: with common clients, and with those that mean harm (docs/http2.md)."""
import os
import signal
import struct
import subprocess

import pytest

import h2
from h2 import Client
from wire import NOTHING_WRONG, Proxy, Target, group

PROTOCOL_ERROR, CANCEL, REFUSED_STREAM, ENHANCE_YOUR_CALM = 1, 8, 7, 11


@pytest.fixture
def target():
    made = Target()
    yield made
    made.close()


@pytest.fixture
def proxy(target, tmp_path):
    made = Proxy(tmp_path, {"routes": [{"path_prefix": "/", "target_group": "g"}],
                            "target_groups": [group("g", target.port, idle_timeout_ms=2000)]})
    yield made
    if made.process.poll() is None:
        made.stop()
    made.process.stderr.close()


@pytest.fixture
def client(proxy):
    with proxy.dial() as connection:
        yield Client(connection)


def curl(proxy, *options) -> bytes:
    return subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30", *options,
                           f"http://127.0.0.1:{proxy.port}/x?y"], check=True, capture_output=True).stdout


def test_curl_sends_and_gets_large_bodies(proxy, target, tmp_path):
    blob = os.urandom(3_000_000)
    (tmp_path / "blob").write_bytes(blob)

    def echo(connection, message):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(message.body) + message.body)
        return True

    target.answer = echo
    assert curl(proxy, "--data-binary", f"@{tmp_path / 'blob'}", "-H", "X-One: 1") == blob
    [seen] = target.seen
    assert seen.line == b"POST /x?y HTTP/1.1" and seen.field("x-one") == b"1"
    assert seen.field("Host") == b"127.0.0.1:%d" % proxy.port and seen.field("X-Forwarded-Proto") == b"http"


def test_many_streams_on_few_connections(proxy):
    said = subprocess.run(["h2load", "-n", "100", "-c", "2", "-m", "10", f"http://127.0.0.1:{proxy.port}/"],
                          capture_output=True, text=True, timeout=60).stdout
    assert "100 succeeded, 0 failed" in said, said


def test_trailers_pass_both_ways(client, target):
    target.answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-end\r\n\r\n"
                     b"2\r\nok\r\n0\r\nx-end: 7\r\n\r\n")
    client.request(1, (*h2.POST, ("te", "trailers")), ends=False)
    client.send(h2.DATA, 0, 1, b"body")
    client.send(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, h2.field("x-sum", "9"))
    assert client.outcome(1).startswith(h2.OK)
    assert client.wait(h2.DATA, 1)[1] == b"ok"
    flags, _ = client.wait(h2.HEADERS, 1)
    assert flags & h2.END_STREAM
    target.wait(lambda: target.seen)
    assert target.seen[0].body == b"body" and b"x-sum: 9" in target.seen[0].trailers


def test_a_stream_that_is_reset_is_cancelled_at_the_target(client, target):
    def until_closed(connection, _):
        connection.rest()
        target.note(target.cut_off, "closed")
        return False

    target.answer = until_closed
    client.request(1)
    target.wait(lambda: target.seen)
    client.send(h2.RST_STREAM, 0, 1, struct.pack(">I", CANCEL))
    target.wait(lambda: target.cut_off)
    target.answer = NOTHING_WRONG
    client.request(3)
    assert client.outcome(3).startswith(h2.OK)


@pytest.mark.parametrize("fields", [
    (*h2.GET, ("x", "a\r\nb: c")),
    (*h2.GET, ("x", "a\0b")),
    (*h2.GET, ("x\r\ny", "a")),
    (*h2.GET, ("X-Upper", "a")),
    (*h2.GET, ("connection", "close")),
    (*h2.GET, ("transfer-encoding", "chunked")),
    (*h2.GET, ("upgrade", "websocket")),
    (*h2.GET, ("te", "gzip")),
    (*h2.GET, ("host", "other")),
    (*h2.GET, ("content-length", "5")),
    (*h2.GET, ("content-length", "-1")),
    (*h2.GET, (":path", "/2")),
    (*h2.GET, ("x", "1"), (":scheme", "http")),
    (*h2.GET[:3],),
    (*h2.GET[:3], (":path", "/ HTTP/1.1\r\nX: y")),
    (*h2.GET[:3], (":path", "/a b")),
    (*h2.GET[:3], (":path", "http://other/")),
    ((":method", "GET / HTTP/1.1\r\n"), *h2.GET[1:]),
    (h2.GET[0], h2.GET[1], (":authority", "w\r\nx: y"), h2.GET[3]),
])
def test_what_is_ambiguous_reaches_nobody(client, target, fields):
    client.request(1, fields)
    outcome = client.outcome(1)
    assert outcome == ("reset", PROTOCOL_ERROR) or outcome.startswith(h2.BAD_REQUEST), outcome
    client.request(3)
    assert client.outcome(3).startswith(h2.OK)
    assert len(target.seen) == 1


def test_length_and_data_that_differ_reach_nobody_as_a_whole(client, target):
    client.request(1, (*h2.POST, ("content-length", "2")), ends=False)
    client.send(h2.DATA, h2.END_STREAM, 1, b"four")
    assert client.outcome(1) == ("reset", PROTOCOL_ERROR)
    assert target.seen == []


def test_too_many_streams_are_refused(client, target):
    target.answer = lambda connection, message: connection.more()
    client.wait(h2.SETTINGS)
    for stream in range(1, 202, 2):
        client.request(stream, h2.POST, ends=False)
    # a client that knows the limit and goes beyond it breaks the rules
    assert client.outcome(201) in (("reset", REFUSED_STREAM), ("goaway", PROTOCOL_ERROR))


def flood(client, data: bytes) -> int:
    """Send it, as long as it is taken; the code that ends the connection."""
    try:
        client.connection.send(data)
    except OSError:
        pass
    return client.goaway()


def test_rapid_resets_end_the_connection(client):
    some = b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, h2.block(h2.GET)) +
                    h2.frame(h2.RST_STREAM, 0, stream, struct.pack(">I", CANCEL)) for stream in range(1, 1000, 2))
    assert flood(client, some) == ENHANCE_YOUR_CALM


@pytest.mark.parametrize("one", [
    h2.frame(h2.PING, 0, 0, bytes(8)),
    h2.frame(h2.SETTINGS, 0, 0),
    h2.frame(h2.PRIORITY, 0, 1, bytes([0, 0, 0, 0, 1])),
], ids=["ping", "settings", "priority"])
def test_floods_end_the_connection(client, one):
    assert flood(client, 5000 * one) == ENHANCE_YOUR_CALM


def test_a_ping_for_each_piece_of_an_answer_is_no_flood(proxy, target):
    """Clients of gRPC ping after each message that they get, to measure how much may be on its way."""
    target.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 25000\r\n\r\n" + bytes(25000)
    ten = struct.pack(">I", 10)
    with proxy.dial() as connection:
        client = Client(connection, struct.pack(">HI", 4, 10))  # INITIAL_WINDOW_SIZE
        client.request(1)
        for _ in range(2500):
            assert len(client.wait(h2.DATA, 1)[1]) == 10
            connection.send(h2.frame(h2.PING, 0, 0, bytes(8)) + h2.frame(h2.WINDOW_UPDATE, 0, 0, ten) +
                            h2.frame(h2.WINDOW_UPDATE, 0, 1, ten))
        client.request(3)
        assert client.outcome(3).startswith(h2.OK)


def test_empty_data_ends_the_connection(client):
    client.request(1, h2.POST, ends=False)
    assert flood(client, 5000 * h2.frame(h2.DATA, 0, 1)) == ENHANCE_YOUR_CALM


def test_endless_continuations_end_the_connection(client):
    client.send(h2.HEADERS, 0, 1, h2.block(h2.GET))
    assert flood(client, 100 * h2.frame(h2.CONTINUATION, 0, 1, h2.field("x", "y"))) in (
        PROTOCOL_ERROR, ENHANCE_YOUR_CALM)


def test_an_hpack_bomb_is_too_large(client, target):
    big = h2.field("x", 4000 * "y", first=0x40)
    client.send(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, h2.block(h2.GET) + big + 50 * b"\xbe")
    assert client.wait(h2.DATA, 1)[1].startswith(b'{"__type":"RequestHeaderSectionTooLarge')
    # and one that would be endless ends the connection
    client.send(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 3, h2.block(h2.GET) + 10000 * b"\xbe")
    assert client.goaway() in (PROTOCOL_ERROR, ENHANCE_YOUR_CALM)
    assert target.seen == []


def test_a_closed_window_holds_up_its_own_stream_only(proxy, target):
    target.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3000000)
    with proxy.dial() as connection:
        client = Client(connection, struct.pack(">HI", 4, 0))  # INITIAL_WINDOW_SIZE
        client.request(1)
        assert client.outcome(1).startswith(h2.OK)
        target.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        client.request(3)
        assert client.outcome(3).startswith(b"\x89")
        assert client.outcome(1)[0] == "reset"  # when nothing of it has moved for too long


def test_what_came_of_a_stream_that_was_reset_costs_no_window(target, tmp_path):
    """Bodies wait in their streams while nobody takes them, and leave the connection's window with them."""
    proxy = Proxy(tmp_path, {"routes": [{"path_prefix": "/", "target_group": "g"}],
                             "target_groups": [{**group("g", target.port), "targets": []}]})
    window, kept = 65535, 7 * 16384
    with proxy.dial() as connection:
        client = Client(connection)

        def granted() -> int:
            """What the proxy grants until it answers a ping: then it has dealt with all that was sent."""
            sum = 0
            client.send(h2.PING, 0, 0, bytes(8))
            while (got := client.read())[0] != h2.PING:
                if got[0] == h2.WINDOW_UPDATE and got[2] == 0:
                    sum += struct.unpack(">I", got[3])[0]
            return sum

        for stream in range(1, 25, 2):
            client.request(stream, h2.POST, ends=False)
            client.send(h2.DATA, 0, stream, b"x")
            window += granted() - 1  # it waits for a target now
            for _ in range(7):
                client.send(h2.DATA, 0, stream, bytes(16384))
            client.send(h2.RST_STREAM, 0, stream, struct.pack(">I", CANCEL))
            window += granted() - kept
        assert window > 1 << 20
    proxy.stop()
    proxy.process.stderr.close()


def test_draining_says_goodbye_and_gives_the_last_answer(proxy, client, target):
    held = []

    def hold(connection, message):
        proxy.process.send_signal(signal.SIGTERM)
        held.append(connection)
        return connection.more()

    target.answer = hold
    client.request(1)
    assert client.goaway() == 0
    held[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert client.outcome(1).startswith(h2.OK)
    assert client.wait(h2.DATA, 1)[1] == b"ok"
    while client.read():
        pass
    assert proxy.process.wait(60) == 0


def test_who_begins_when_another_proxy_serves_already_hears_of_it_too(target, tmp_path):
    proxy = Proxy(tmp_path, {"routes": [{"path_prefix": "/", "target_group": "g"}],
                             "target_groups": [group("g", target.port)]})
    with proxy.dial() as connection, proxy.dial() as one_before:
        before = Client(one_before)
        before.wait(h2.SETTINGS)
        proxy.process.send_signal(signal.SIGUSR2)
        assert before.goaway() == 0
        client = Client(connection)
        client.request(1)
        assert client.goaway() == 0
        assert client.outcome(1).startswith(h2.OK)
        while client.read():
            pass
    assert proxy.process.wait(60) == 0
    proxy.process.stderr.close()


@pytest.mark.parametrize("data", [
    h2.PREFACE + os.urandom(64),
    h2.PREFACE + h2.frame(h2.PING, 0, 1, bytes(8)),
    h2.PREFACE + h2.frame(h2.DATA, 0, 1, b"x"),
    h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.HEADERS, h2.END_HEADERS, 2, h2.block(h2.GET)),
    h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff\xff\xff\xff\xff"),
    h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.WINDOW_UPDATE, 0, 0, bytes(4)),
])
def test_what_breaks_the_rules_ends_the_connection(proxy, data):
    back = proxy.talk(data)
    assert back[3] == h2.SETTINGS and bytes([h2.GOAWAY, 0, 0, 0, 0, 0]) in back


FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, COMPRESSION_ERROR = 6, 3, 9
OPEN = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.block(h2.POST))
CLOSED = h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, h2.block(h2.GET)) + \
    h2.frame(h2.RST_STREAM, 0, 1, struct.pack(">I", CANCEL))


@pytest.mark.parametrize("frames, codes", [
    (h2.frame(h2.PING, 0, 0, bytes(7)), {FRAME_SIZE_ERROR}),
    (h2.frame(h2.SETTINGS, h2.ACK, 0, bytes(6)), {FRAME_SIZE_ERROR}),
    (h2.frame(h2.SETTINGS, 0, 0, bytes(5)), {FRAME_SIZE_ERROR}),
    (h2.frame(h2.SETTINGS, 0, 1), {PROTOCOL_ERROR}),
    (h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 2, 2)), {PROTOCOL_ERROR}),
    (h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), {FLOW_CONTROL_ERROR}),
    (h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 5, 16383)), {PROTOCOL_ERROR}),
    (2 * h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), {FLOW_CONTROL_ERROR}),
    (h2.frame(h2.WINDOW_UPDATE, 0, 9, b"\0\0\0\1"), {PROTOCOL_ERROR}),
    (h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\1"), {FRAME_SIZE_ERROR}),
    (OPEN + h2.frame(h2.WINDOW_UPDATE, 0, 1, bytes(4)), {PROTOCOL_ERROR}),
    (h2.frame(h2.RST_STREAM, 0, 9, bytes(4)), {PROTOCOL_ERROR}),
    (OPEN + h2.frame(h2.RST_STREAM, 0, 1, bytes(3)), {FRAME_SIZE_ERROR}),
    (h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, b""), {PROTOCOL_ERROR}),
    (h2.frame(h2.HEADERS, 0, 1, h2.block(h2.GET)) + h2.frame(h2.PING, 0, 0, bytes(8)), {PROTOCOL_ERROR}),
    (OPEN + h2.frame(h2.DATA, 8, 1, b"\x09abc"), {PROTOCOL_ERROR}),
    (OPEN + h2.frame(h2.DATA, 0, 1, bytes(16385)), {FRAME_SIZE_ERROR}),
    (h2.frame(5, h2.END_HEADERS, 1, struct.pack(">I", 2) + h2.block(h2.GET)), {PROTOCOL_ERROR}),
    (h2.frame(h2.GOAWAY, 0, 1, bytes(8)), {PROTOCOL_ERROR}),
    (h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x3f\xe1\xff\xff\xff\x0f"), {COMPRESSION_ERROR}),
    (h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x80"), {COMPRESSION_ERROR}),
], ids=["ping size", "ack with settings", "settings size", "settings on a stream", "push value", "initial window",
        "frame size", "window overflow", "window of an idle stream", "window size", "window of nothing",
        "reset of an idle stream",
        "reset size", "stray continuation", "interrupted fields", "padding", "oversized data",
        "push by a client", "goaway on a stream", "table size", "index zero"])
def test_errors_of_the_connection_have_their_codes(client, frames, codes):
    client.connection.send(frames)
    assert client.goaway() in codes


@pytest.mark.parametrize("frames, codes", [
    (OPEN + 2 * h2.frame(h2.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), {FLOW_CONTROL_ERROR}),
    (OPEN + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.field("x", "y")), {PROTOCOL_ERROR}),
], ids=["window overflow", "trailers that end nothing"])
def test_errors_of_a_stream_leave_the_others(client, frames, codes):
    client.connection.send(frames)
    outcome = client.outcome(1)
    assert outcome[0] == "reset" and outcome[1] in codes
    client.request(3)
    assert client.outcome(3).startswith(h2.OK)


@pytest.mark.parametrize("frames", [
    h2.frame(0x77, 0xff, 0, b"whatever") + h2.frame(0x77, 0, 1, b""),
    h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 0x7777, 1)),
    CLOSED + h2.frame(h2.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
    CLOSED + h2.frame(h2.PRIORITY, 0, 1, bytes([0, 0, 0, 0, 1])),
], ids=["an unknown frame", "an unknown setting", "a window of a closed stream", "a priority of a closed stream"])
def test_what_is_to_be_ignored_is(client, frames):
    client.connection.send(frames)
    client.request(3)
    assert client.outcome(3).startswith(h2.OK)


def test_fields_that_do_not_end_end_the_connection(target, tmp_path):
    proxy = Proxy(tmp_path, {"routes": [{"path_prefix": "/", "target_group": "g"}],
                             "target_groups": [group("g", target.port)]}, "--head-timeout", "1")
    with proxy.dial() as connection:
        client = Client(connection)
        client.send(h2.HEADERS, 0, 1, h2.block(h2.GET))
        while client.read():
            pass
    assert target.begun == []
    proxy.stop()
    proxy.process.stderr.close()


def test_a_connection_whose_window_is_closed_keeps_its_other_streams_waiting_only(client, target):
    """The window of all streams together: nothing of them can leave, and what needs none does."""
    target.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100000)
    client.request(1)
    got = 0
    while got < 65535:
        got += len(client.wait(h2.DATA, 1)[1])
    target.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    client.request(3)
    assert client.outcome(3).startswith(b"\x89")
    client.send(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 100000))
    client.send(h2.WINDOW_UPDATE, 0, 1, struct.pack(">I", 100000))
    while got < 100000:
        got += len(client.wait(h2.DATA, 1)[1])


def test_nghttp_uploads_and_downloads(proxy, target, tmp_path):
    blob = os.urandom(300_000)
    (tmp_path / "blob").write_bytes(blob)

    def echo(connection, message):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(message.body) + message.body)
        return True

    target.answer = echo
    said = subprocess.run(["nghttp", "-d", tmp_path / "blob", "--no-content-length", "--trailer", "x-sum: 9", f"http://127.0.0.1:{proxy.port}/"],
                          capture_output=True, timeout=60, check=True).stdout
    assert said == blob and b"x-sum: 9" in target.seen[0].trailers


def test_h2load_with_many_streams_and_bodies(proxy, target, tmp_path):
    (tmp_path / "body").write_bytes(bytes(20_000))
    said = subprocess.run(["h2load", "-n", "400", "-c", "8", "-m", "20", "-d", tmp_path / "body",
                           f"http://127.0.0.1:{proxy.port}/"], capture_output=True, text=True, timeout=120).stdout
    assert "400 succeeded, 0 failed" in said, said


@pytest.mark.parametrize("data, status", [
    (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"505"),
    (b"PRI / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n", b"200"),
])
def test_what_only_begins_like_http_2_is_http_1(proxy, data, status):
    assert proxy.talk(data).split()[1] == status
