"""Clients that hold what they can: connections that say nothing, that say it drop by drop, that take nothing of what
they are told, and more of them than there may be. None holds anything for long, and the others are served meanwhile."""
import os
import socket
import ssl
import time

import pytest

from conftest import eventually
from test_tls import authority, pair, target  # noqa: F401
from test_tls import start as start_tls  # noqa: F401
from wire import PATIENCE_S, Connection, Proxy, group

GET = b"GET / HTTP/1.1\r\nHost: w\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: w\r\n"


@pytest.fixture
def start(target, tmp_path):  # noqa: F811
    started = []

    def begin(*options, **settings) -> Proxy:
        routes = {"routes": [{"path_prefix": "/", "target_group": "g"}],
                  "target_groups": [group("g", target.port, **settings)]}
        started.append(Proxy(tmp_path, routes, *options))
        return started[-1]

    yield begin
    for proxy in started:
        proxy.stop()


def descriptors(proxy) -> int:
    return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))


def served(proxy) -> bool:
    with proxy.dial() as client:
        client.send(GET)
        return client.message().status == 200


def test_half_open_connections_are_closed_in_time_and_hold_nobody_up(start):
    proxy = start("--head-timeout", "2", "--idle-timeout", "2", "--body-timeout", "2")
    assert served(proxy)
    before = descriptors(proxy)
    said = [b"", b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: w\r\nA: ", POST + b"Content-Length: 9\r\n\r\nx",
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nx", b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    flood = [(proxy.dial(), data) for data in said * 50]
    for client, data in flood:
        client.send(data)
    for _ in range(10):
        assert served(proxy)
    for client, data in flood:
        back = client.rest()
        if data.startswith((b"G", b"POST")):
            assert back == b"" or back.startswith(b"HTTP/1.1 408 ")  # "": it came so late that the time was up
        client.close()
    eventually(lambda: descriptors(proxy) <= before + 4, why="all are closed")  # some to the target are kept
    assert served(proxy)


@pytest.mark.parametrize("begun, drop", [(b"", b"\r\n"), (b"GET /", b"a"), (b"GET / HTTP/1.1\r\n", b"A: b\r\n")],
                         ids=["empty lines", "target", "fields"])
def test_a_head_drop_by_drop_has_its_time_too(start, begun, drop):
    proxy = start("--head-timeout", "1")
    with proxy.dial() as client:
        client.send(begun)
        deadline = time.monotonic() + PATIENCE_S
        client.sock.settimeout(0.05)
        while True:
            try:
                client.send(drop)
                if not client.more() or client.pending:
                    break
            except TimeoutError:
                assert time.monotonic() < deadline
            except ConnectionError:
                break
        client.sock.settimeout(PATIENCE_S)
        assert client.rest().startswith(b"HTTP/1.1 408 ")


def test_a_body_of_which_nothing_comes_has_its_time(start, target):  # noqa: F811
    proxy = start("--body-timeout", "1")
    with proxy.dial() as client:
        client.send(POST + b"Content-Length: 9\r\n\r\npart")
        assert client.rest().startswith(b"HTTP/1.1 408 ")
    target.wait(lambda: target.cut_off)
    assert target.seen == []


@pytest.mark.parametrize("takes", [0, 100000], ids=["nothing", "a little"])
def test_who_takes_nothing_of_its_answer_is_let_go(start, target, takes):  # noqa: F811
    proxy = start(idle_timeout_ms=1000)
    size = 256 << 20

    def answer(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        try:
            for _ in range(size >> 20):
                connection.send(bytes(1 << 20))
        except ConnectionError:
            target.note(target.cut_off, "closed")
        return False

    target.answer = answer
    with proxy.dial() as client:
        client.send(GET)
        client.exactly(takes)
        target.wait(lambda: target.cut_off)
        assert len(client.rest()) < size
    target.forget()
    assert served(proxy)


def test_a_full_table_answers_503_and_stays_up(start):
    proxy = start("--connections-max", "20")
    inside = [proxy.dial() for _ in range(20)]
    for client in inside:
        client.send(GET)
        assert client.message().status == 200
    full = descriptors(proxy)
    refused = 0
    for _ in range(300):
        with proxy.dial() as client:
            try:
                client.send(GET)
            except ConnectionError:
                continue  # it was faster with its answer
            back = client.rest()  # which may be lost, as the request came after it
            assert back == b"" or (back.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1" in back)
            refused += bool(back)
    assert refused > 0
    proxy.wait_for_line("clients refused")
    for client in inside:
        client.send(GET)
        assert client.message().status == 200
    assert descriptors(proxy) <= full
    for client in inside:
        client.close()
    eventually(lambda: served(proxy), why="there is room again")


def client_hello(context) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="one.test").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_handshakes_that_do_not_go_on_are_ended(start_tls, authority):  # noqa: F811
    proxy = start_tls(*pair(authority.issue("one", "one.test")), "--handshake-timeout", "2")
    hello = client_hello(authority.context())
    flood = []
    for i in range(200):
        flood.append(Connection(socket.create_connection(("127.0.0.1", proxy.tls_port), timeout=PATIENCE_S)))
        flood[-1].send([b"", hello[:3], hello[:-1], hello][i % 4])
    for _ in range(5):
        assert proxy.ask(authority.context())[0] == 200
    for client in flood:
        client.rest()  # to its end
        client.close()
    assert proxy.ask(authority.context())[0] == 200
