"""What passes while it comes: streamed bodies both ways, clients that leave, and WebSocket tunnels."""
import fcntl
import hashlib
import json
import random
import signal
import socket
import struct
import termios
import threading

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import h2
from conftest import eventually
from wire import NOTHING_WRONG, PATIENCE_S, Connection, Proxy, Target, group

OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET / HTTP/1.1\r\nHost: w\r\n"
NO_ANSWER_S = 1  # a refusal would have come long before, on a busy machine too


@pytest.fixture
def target():
    made = Target()
    yield made
    made.close()


@pytest.fixture
def start(target, tmp_path):
    """A function that starts a proxy with these settings of its target group."""
    started = []

    def begin(**settings) -> Proxy:
        started.append(Proxy(tmp_path, routes(target, **settings)))
        return started[-1]

    yield begin
    for proxy in started:
        proxy.stop()


def routes(target, **settings) -> dict:
    return {"routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [group("g", target.port, **settings)]}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def read_chunk(connection: Connection) -> bytes:
    size = int(connection.until(b"\r\n"), 16)
    data = connection.exactly(size)
    assert connection.exactly(2) == b"\r\n"
    return data


# --- bodies ------------------------------------------------------------------------------------------


def test_each_event_reaches_the_client_before_the_next_is_made(start, target):
    """Server-sent events: the target makes the next one only when the client has told it of the last."""
    proxy = start(request_timeout_ms=1000 * PATIENCE_S)
    heard = socket.socketpair()
    told = Connection(heard[1])

    def answer(connection, _):
        connection.send(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(20):
            connection.send(chunk(b"data: %d\n\n" % i))
            assert told.exactly(1) == b"."
        connection.send(chunk(b""))
        return True

    target.answer = answer
    with proxy.dial() as client:
        client.send(GET + b"\r\n")
        assert b"text/event-stream" in client.until(b"\r\n\r\n")
        for i in range(20):
            assert read_chunk(client) == b"data: %d\n\n" % i
            heard[0].send(b".")
        assert client.until(b"\r\n\r\n") == b"0\r\n\r\n"
    for end in heard:
        end.close()


def test_each_part_of_a_request_reaches_the_target_before_the_next_is_sent(start, target):
    proxy = start()
    heard = socket.socketpair()
    told = Connection(heard[1])

    def take(connection):
        connection.until(b"\r\n\r\n")
        for _ in range(20):
            heard[0].send(read_chunk(connection))
        connection.until(b"0\r\n\r\n")
        connection.send(OK + b"Content-Length: 0\r\n\r\n")
        return True

    target.one = take
    with proxy.dial() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(20):
            client.send(chunk(b"part %02d" % i))
            assert told.exactly(7) == b"part %02d" % i
        client.send(chunk(b""))
        assert client.message().status == 200
    for end in heard:
        end.close()


def take_head(connection: Connection) -> bytes:
    """Of the next request that is no health check."""
    while (head := connection.until(b"\r\n\r\n")).startswith(b"GET /health "):
        connection.send(NOTHING_WRONG)
    return head


def test_an_answer_that_was_begun_before_a_hand_over_is_not_the_last(start, target):
    """Its head said that the connection stays: the next request may be on its way when it ends."""
    proxy, asked = start(), []

    def answer(connection, message):
        asked.append(connection)
        connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"1"))
        return connection.more()

    target.answer = answer
    with proxy.dial() as client, proxy.dial() as other:
        client.send(GET + b"\r\n")
        assert b"\r\nConnection" not in client.until(b"\r\n\r\n")
        assert read_chunk(client) == b"1"
        told = h2.Client(other)
        told.wait(h2.SETTINGS)
        proxy.process.send_signal(signal.SIGUSR2)
        assert told.goaway() == 0  # so it was heard
        asked[0].send(b"0\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"0\r\n\r\n"
        target.answer = NOTHING_WRONG
        client.send(GET + b"\r\n")
        message = client.message()
        assert message.status == 200 and message.field("Connection") == b"close"
        assert client.rest() == b""


def test_an_answer_may_begin_before_the_request_has_ended(start, target):
    """Each part is answered before the next one is sent, as a server does that pipes one into the other."""
    proxy = start()

    def take(connection):
        take_head(connection)
        connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while part := read_chunk(connection):
            connection.send(chunk(part.upper()))
        connection.send(chunk(b""))
        return False

    target.one = take
    with proxy.dial() as client:
        for _ in range(3):  # the connection stays
            client.send(b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert b"Connection" not in client.until(b"\r\n\r\n")
            for i in range(20):
                client.send(chunk(b"part %d" % i))
                assert read_chunk(client) == b"PART %d" % i
            client.send(chunk(b""))
            assert client.exactly(5) == chunk(b"")


POST = b"POST / HTTP/1.1\r\nHost: w\r\n"
CLOSE = b"\r\nConnection: close\r\n"


def answer_at_once(target, answer: bytes, take: int = 0, begin: bytes = b""):
    """To POSTs, when so much of their body has come; the connection stays open, and nothing more is read."""
    hold = threading.Event()

    def one(connection):
        head = take_head(connection)
        target.note(target.begun, head)
        if head.startswith(b"GET "):
            connection.send(NOTHING_WRONG)
            return True
        connection.send(begin)
        connection.exactly(take)
        connection.send(answer)
        hold.wait(PATIENCE_S)
        return False

    target.one = one
    return hold


def ask_next(client: Connection, target):
    """The connection is good for another request, and what was left of the one before is none."""
    client.send(b"GET /next HTTP/1.1\r\nHost: w\r\n\r\n")
    assert client.message().body == b"ok"
    assert [head.split()[1] for head in target.begun] == [b"/", b"/next"]


EMPTY = OK + b"Content-Length: 0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: w\r\n\r\n"


@pytest.mark.parametrize("answer, framing, first, rest", [
    (EMPTY, b"Content-Length: 100000\r\n\r\n", b"a" * 10, b"b" * 99990),
    (EMPTY, b"Content-Length: 262154\r\n\r\n", b"a" * 10, SMUGGLED + b"b" * (262144 - len(SMUGGLED))),
    (EMPTY, b"Transfer-Encoding: chunked\r\n\r\n", chunk(b"a" * 10), chunk(SMUGGLED) + 100 * chunk(b"b" * 2000) + chunk(b"")),
    (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"Content-Length: 100000\r\n\r\n", b"a" * 10, b"b" * 99990),
    (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n" + CLOSE[2:] + b"\r\n", b"Content-Length: 30\r\n\r\n", b"a" * 10, b"b" * 20),
], ids=["a length", "the most", "chunks", "refused", "refused and closed"])
def test_the_rest_of_a_request_that_has_its_answer_is_dropped(start, target, answer, framing, first, rest):
    proxy = start()
    hold = answer_at_once(target, answer, 1)
    with proxy.dial() as client:
        client.send(POST + framing + first)
        assert b"Connection" not in client.message().head
        client.send(rest)
        ask_next(client, target)
    hold.set()


@pytest.mark.parametrize("answer, framing, rest", [
    (EMPTY, b"Content-Length: 262155\r\n\r\n", b"b" * 262145),
    (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"Content-Length: 262155\r\n\r\n", b"b" * 262145),
    (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n", chunk(b"")),
], ids=["long", "refused and long", "refused, of unknown length"])
def test_a_connection_closes_if_too_much_of_a_request_would_be_dropped(start, target, answer, framing, rest):
    proxy = start()
    hold = answer_at_once(target, answer)
    with proxy.dial() as client:
        client.send(POST + framing + (chunk(b"a" * 10) if b"chunked" in framing else b"a" * 10))
        target.wait(lambda: target.begun)
        assert CLOSE in client.message().head
        client.send(rest + SMUGGLED)
        assert client.rest() == b""
    hold.set()
    assert len(target.begun) == 1


def test_a_connection_closes_if_a_request_goes_on_for_ever(start, target):
    proxy = start()
    hold = answer_at_once(target, EMPTY)
    with proxy.dial() as client:
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
        assert b"Connection" not in client.message().head
        try:
            for _ in range(1000):
                client.send(chunk(SMUGGLED + b"b" * 4000))
        except ConnectionError:
            pass
        assert client.rest() == b""
    hold.set()
    assert len(target.begun) == 1


@pytest.mark.parametrize("seed", range(8))
def test_what_was_on_its_way_unseen_is_no_request(start, target, seed):
    """The answer ends while the request's body is being spliced; how far that is differs."""
    chance = random.Random(seed)
    total = chance.randint(100_000, 262_144) if seed % 2 else chance.randint(500_000, 2_000_000)
    take = chance.randint(1, 100_000)
    body = (SMUGGLED * (total // len(SMUGGLED) + 1))[:total]
    first = chance.randint(take, total)
    proxy = start()
    hold = answer_at_once(target, chunk(b""), take, OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"begun"))
    with proxy.dial() as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % total)
        assert b"Connection" not in client.until(b"\r\n\r\n")
        assert read_chunk(client) == b"begun"
        client.send(body[:first])
        assert client.exactly(5) == chunk(b"")
        try:
            client.send(body[first:])
            ask_next(client, target)
        except (ConnectionError, EOFError):
            assert seed % 2 == 0  # more than 256 KiB were missing
    hold.set()
    assert {head.split()[1] for head in target.begun} <= {b"/", b"/next"}


def test_much_passes_both_ways_at_once(start, target):
    proxy = start()
    data = random.Random(1).randbytes(8 << 20)

    def take(connection):
        take_head(connection)
        connection.send(OK + b"Content-Length: %d\r\n\r\n" % len(data))
        left = len(data)
        while left:
            assert connection.pending or connection.more()
            part, connection.pending = connection.pending, b""
            connection.send(part)
            left -= len(part)
        return False

    target.one = take
    with proxy.dial() as client:
        for _ in range(2):  # the connection stays
            sender = threading.Thread(target=client.send, args=(POST + b"Content-Length: %d\r\n\r\n" % len(data) + data,))
            sender.start()
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            assert client.exactly(len(data)) == data
            sender.join()


@pytest.mark.parametrize("rest", [b"zz\r\n", b"1\r\nxx"])
def test_a_broken_body_ends_an_answer_that_has_begun(start, target, rest):
    proxy = start()

    def take(connection):
        take_head(connection)
        connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"so far"))
        connection.rest()
        target.note(target.cut_off, "closed")
        return False

    target.one = take
    with proxy.dial() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.until(b"so far\r\n")
        client.send(rest + b"GET /smuggled HTTP/1.1\r\nHost: w\r\n\r\n")
        assert client.rest() == b""  # no end of the answer, and no other one
    target.wait(lambda: target.cut_off)


def test_a_client_that_does_not_read_holds_up_its_target(start, target):
    proxy = start(idle_timeout_ms=1000 * PATIENCE_S)
    sent = []

    def answer(connection, _):
        connection.send(OK + b"\r\n")
        sent.append(connection.fill(256 << 20))
        target.note(target.cut_off, "full")
        return False

    target.answer = answer
    with proxy.dial() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        target.wait(lambda: target.cut_off)
        assert sent[0] < 64 << 20  # what sockets hold, and a little here
        client.until(b"\r\n\r\n")
        assert len(client.rest()) == sent[0]


def test_a_target_that_does_not_read_holds_up_its_client(start, target):
    proxy = start()
    full = socket.socketpair()

    def take(connection):
        connection.until(b"\r\n\r\n")
        n = int(Connection(full[1]).until(b"\n"))
        connection.exactly(n)
        connection.send(OK + b"Content-Length: 0\r\n\r\n")
        return False

    target.one = take
    with proxy.dial() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        sent = client.fill(256 << 20)
        assert sent < 64 << 20
        full[0].send(b"%d\n" % sent)
        assert client.message().status == 200  # it need not hear all of it
    for end in full:
        end.close()


# --- bodies that nobody signed -----------------------------------------------------------------------

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def model(target, tmp_path):
    """A proxy with an endpoint whose requests are authenticated."""
    made = Proxy(tmp_path, {
        "credentials": [{"access_key_id": KEY, "secret_access_key": SECRET}], "target_groups": [group("g", target.port)],
        "endpoints": [{"name": "e", "variants": [{"name": "v", "target_group": "g"}]}]})
    yield made
    made.stop()


def signed(proxy, payload_hash: str, secret: str = SECRET, length: int = 20) -> bytes:
    """The head of an invocation with this many bytes."""
    request = AWSRequest("POST", f"http://127.0.0.1:{proxy.port}/endpoints/e/invocations",
                         headers={"X-Amz-Content-SHA256": payload_hash, "Content-Type": "text/csv"})
    SigV4Auth(Credentials(KEY, secret), "sagemaker", "us-east-1").add_auth(request)
    fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return (f"POST /endpoints/e/invocations HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n{fields}"
            f"Content-Length: {length}\r\n\r\n").encode()


def test_an_unsigned_body_reaches_the_model_while_it_comes(model, target):
    heard = socket.socketpair()

    def take(connection):
        assert take_head(connection).startswith(b"POST /invocations HTTP/1.1\r\n")
        for _ in range(2):
            heard[0].send(connection.exactly(10))
        connection.send(OK + b"Content-Length: 2\r\n\r\nok")
        return True

    target.one = take
    told = Connection(heard[1])
    with model.dial() as client:
        client.send(signed(model, "UNSIGNED-PAYLOAD"))
        for part in (b"1,2,3,4,5,", b"6,7,8,9,10"):
            client.send(part)
            assert told.exactly(10) == part
        assert client.message().body == b"ok"
    for end in heard:
        end.close()


def test_a_signed_body_reaches_the_model_only_whole_and_as_it_was_signed(model, target):
    body = b"1,2,3,4,5,6,7,8,9,10"
    for payload, status in ((body, 200), (body[:-1] + b"1", 403)):
        with model.dial() as client:
            client.send(signed(model, hashlib.sha256(body).hexdigest()))
            client.send(payload[:10])
            with model.dial() as other:  # what was sent before has been seen when this is answered
                other.send(signed(model, "UNSIGNED-PAYLOAD") + body)
                assert other.message().status == 200
            assert len(target.begun) == 1
            client.send(payload[10:])
            assert client.message().status == status
        assert [message.body for message in target.seen] == [body] * (2 if status == 200 else 1)
        target.forget()


@pytest.mark.parametrize("payload_hash", ["UNSIGNED-PAYLOAD", hashlib.sha256(b"").hexdigest()])
def test_who_signs_with_a_wrong_secret_reaches_nobody(model, target, payload_hash):
    with model.dial() as client:
        client.send(signed(model, payload_hash, "x" * 40, 0))
        answer = client.message()
    assert answer.status == 403 and answer.field("x-amzn-ErrorType") == b"InvalidSignatureException"
    assert target.begun == []


# --- clients that leave ------------------------------------------------------------------------------


def until_closed(target):
    """An answer that waits for the proxy to close; notes so, and answers nothing."""
    def answer(connection, _):
        connection.rest()
        target.note(target.cut_off, "closed")
        return False
    return answer


def reset(client: Connection):
    """Leave without a word but a reset."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [reset, Connection.close])
def test_the_target_of_a_client_that_left_is_told_at_once(start, target, leave):
    proxy = start(request_timeout_ms=3600000)
    target.answer = until_closed(target)
    client = proxy.dial()
    client.send(GET + b"\r\n")
    target.wait(lambda: target.seen)
    leave(client)
    target.wait(lambda: target.cut_off)


@pytest.mark.parametrize("leave", [reset, Connection.close])
def test_who_leaves_while_it_waits_for_a_target_gives_its_place_away(start, target, leave):
    """In the middle of its body, of which nothing is read meanwhile."""
    proxy = start(concurrency_max=1, queue_length_max=1, queue_timeout_ms=3600000, request_timeout_ms=3600000)
    go = threading.Event()

    def answer(connection, _):
        assert go.wait(PATIENCE_S)
        connection.send(OK + b"Content-Length: 2\r\n\r\nok")
        return True

    target.answer = answer
    with proxy.dial() as first, proxy.dial() as third:
        first.send(GET + b"\r\n")
        target.wait(lambda: target.seen)
        second = proxy.dial()
        second.send(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        # the queue is full when there is no place for others; and when there is one, somebody has left
        eventually(lambda: refused(proxy), PATIENCE_S, "it waits")
        leave(second)
        eventually(lambda: waits(third), PATIENCE_S, "there is a place")
        go.set()
        assert first.message().body == b"ok" and third.message().body == b"ok"


def refused(proxy) -> bool:
    """Whether there is no place in the queue. The client leaves, whichever it is."""
    with proxy.dial() as client:
        client.send(GET + b"\r\n")
        client.sock.settimeout(NO_ANSWER_S)
        try:
            return client.message().status == 503
        except TimeoutError:
            reset(client)
            return False


def waits(client: Connection) -> bool:
    """Ask, and ask again if there was no place."""
    client.send(GET + b"\r\n")
    client.sock.settimeout(NO_ANSWER_S)
    try:
        assert client.message().status == 503
        return False
    except TimeoutError:
        return True
    finally:
        client.sock.settimeout(PATIENCE_S)


def test_a_client_that_leaves_amid_its_answer_ends_it(start, target):
    proxy = start(idle_timeout_ms=3600000)

    def answer(connection, _):
        connection.send(OK + b"Content-Length: 1000000\r\n\r\n")
        while True:
            try:
                connection.send(b"x")
            except ConnectionError:
                target.note(target.cut_off, "closed")
                return False

    target.answer = answer
    client = proxy.dial()
    client.send(GET + b"\r\n")
    client.until(b"\r\n\r\nx")
    client.close()
    target.wait(lambda: target.cut_off)


def test_a_client_that_sends_no_more_still_gets_its_answers(start, target):
    proxy = start()
    target.answer = lambda connection, message: connection.send(
        OK + b"Content-Length: 2\r\n\r\n" + message.line[5:7]) or True
    with proxy.dial() as client:
        client.send(b"".join(b"GET /%02d HTTP/1.1\r\nHost: w\r\n\r\n" % i for i in range(10)))
        client.sock.shutdown(socket.SHUT_WR)
        answers = client.rest().replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert answers == b"".join(OK + b"Content-Length: 2\r\n\r\n%02d" % i for i in range(10))


def test_a_client_may_send_no_more_while_it_waits(start, target):
    proxy = start()
    go = socket.socketpair()

    def answer(connection, _):
        Connection(go[1]).exactly(1)
        connection.send(OK + b"Content-Length: 2\r\n\r\nok")
        return True

    target.answer = answer
    with proxy.dial() as client:
        client.send(GET + b"\r\n")
        target.wait(lambda: target.seen)
        client.sock.shutdown(socket.SHUT_WR)
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"  # asks whether it is there
        go[0].send(b".")
        assert client.rest() == OK + b"Content-Length: 2\r\n\r\nok"
    for end in go:
        end.close()


def test_to_send_no_more_can_mean_to_have_left(start, target):
    proxy = start(fin_means_gone=True)
    target.answer = until_closed(target)
    with proxy.dial() as client:
        client.send(GET + b"\r\n")
        target.wait(lambda: target.seen)
        client.sock.shutdown(socket.SHUT_WR)
        target.wait(lambda: target.cut_off)
        assert client.rest() == b""


def test_a_target_may_finish_though_its_client_has_left(start, target):
    proxy = start(client_gone="finish")
    go = socket.socketpair()

    def answer(connection, message):
        if message.line == b"GET /first HTTP/1.1":
            Connection(go[1]).exactly(1)
            connection.send(OK + b"Content-Length: 5000000\r\n\r\n" + bytes(5000000))
            target.note(target.cut_off, "finished")
        else:
            connection.send(OK + b"Content-Length: 2\r\n\r\nok")
        return True

    target.answer = answer
    client = proxy.dial()
    client.send(b"GET /first HTTP/1.1\r\nHost: w\r\n\r\n")
    target.wait(lambda: target.seen)
    reset(client)
    with proxy.dial() as other:  # the reset was heard before the answer comes
        other.send(b"GET /other HTTP/1.1\r\nHost: w\r\n\r\n")
        assert other.message().body == b"ok"
    go[0].send(b".")
    target.wait(lambda: target.cut_off)
    for end in go:
        end.close()


# --- tunnels -----------------------------------------------------------------------------------------

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: w\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Key: k\r\n\r\n"
GRANTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n"


def echo(connection, message):
    """Grant a tunnel, greet, then echo in capitals until the client says no more; then say goodbye."""
    assert message.field("Connection") == b"upgrade" and message.field("Upgrade") == b"websocket"
    connection.send(GRANTED + b"hello")
    while connection.pending or connection.more():
        part, connection.pending = connection.pending, b""
        connection.send(part.upper())
    connection.send(b"goodbye")
    return False


def upgrade(proxy) -> Connection:
    client = proxy.dial()
    client.send(UPGRADE % b"WebSocket")
    head = client.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Accept: a\r\n" in head
    assert b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" in head
    return client


def test_a_tunnel_passes_bytes_both_ways_and_each_end_of_it(start, target):
    proxy = start()
    target.answer = echo
    with upgrade(proxy) as client:
        assert client.exactly(5) == b"hello"
        for i in range(20):
            client.send(b"line %02d\r\n\r\n" % i)
            assert client.exactly(11) == b"LINE %02d\r\n\r\n" % i
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b"goodbye"
    field, = [message.field("Sec-WebSocket-Key") for message in target.seen]
    assert field == b"k"


def test_a_tunnel_passes_much_at_the_pace_of_its_reader(start, target):
    proxy = start()
    target.answer = echo
    data = bytes(i % 251 | 0x80 for i in range(4 << 20))
    with upgrade(proxy) as client:
        client.exactly(5)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        assert client.exactly(len(data)) == data.upper()
        sender.join()


def test_the_end_of_the_target_ends_the_tunnel(start, target):
    proxy = start()
    target.answer = lambda connection, _: connection.send(GRANTED) or False
    with upgrade(proxy) as client:
        assert client.rest() == b""


def test_what_the_client_says_after_the_target_has_ended_arrives(start, target):
    """Both sides have said their last then, and the rest is still on its way through full buffers."""
    proxy, may_read, sent, got = start(), threading.Semaphore(0), 0, []

    def answer(connection, _):
        connection.send(GRANTED)
        connection.sock.shutdown(socket.SHUT_WR)
        while True:
            may_read.acquire()
            part = connection.sock.recv(1 << 16)
            target.note(got, len(part))
            if not part:
                return False

    target.answer = answer
    with upgrade(proxy) as client:
        assert client.rest() == b""
        client.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):  # nobody reads
            while True:
                sent += client.sock.send(bytes(1 << 16))
        client.sock.shutdown(socket.SHUT_WR)
        while struct.unpack("i", fcntl.ioctl(client.sock, termios.TIOCOUTQ, bytes(4)))[0]:
            before = len(got)
            may_read.release()
            target.wait(lambda: len(got) > before)
        may_read.release(1 << 20)
        target.wait(lambda: got and got[-1] == 0)
    assert sum(got) == sent


def test_a_client_that_leaves_its_tunnel_ends_it(start, target):
    proxy = start(client_gone="finish")  # which is for requests
    target.answer = lambda connection, _: connection.send(GRANTED) or until_closed(target)(connection, _)
    reset(upgrade(proxy))
    target.wait(lambda: target.cut_off)


def test_a_tunnel_on_which_nothing_moves_is_closed(start, target):
    proxy = start(idle_timeout_ms=1000)
    target.answer = lambda connection, _: connection.send(GRANTED) or until_closed(target)(connection, _)
    with upgrade(proxy) as client:
        assert client.rest() == b""
    target.wait(lambda: target.cut_off)


def test_a_target_may_say_no(start, target):
    proxy = start()
    target.answer = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"
    with proxy.dial() as client:
        client.send(UPGRADE % b"websocket" + GET + b"\r\n")  # what follows is a request, not a tunnel's
        answer = client.message()
        assert answer.status == 426 and answer.body == b"no"
        assert client.message().status == 426
    assert [message.line for message in target.seen] == [b"GET /chat HTTP/1.1", b"GET / HTTP/1.1"]


@pytest.mark.parametrize("request_bytes", [
    UPGRADE % b"h2c",
    UPGRADE % b"websocket, h2c",
    (UPGRADE % b"websocket").replace(b"Upgrade: ", b"Upgrade: h2c\r\nUpgrade: "),
    (UPGRADE % b"websocket").replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"),
    (UPGRADE % b"websocket").replace(b"Connection: Upgrade\r\n", b""),
    (UPGRADE % b"websocket").replace(b"HTTP/1.1", b"HTTP/1.0"),
])
def test_nothing_else_is_upgraded(start, target, request_bytes):
    proxy = start()
    with proxy.dial() as client:
        client.send(request_bytes)
        assert client.message().status == 200
    message, = target.seen
    assert message.field("Upgrade") is None


def drain(proxy, target, tmp_path, delay_ms: int):
    """Take the target out of service, with another in its place."""
    changed = routes(target, deregistration_delay_ms=delay_ms)
    changed["target_groups"][0]["targets"][0]["draining"] = True
    changed["target_groups"][0]["targets"].append({"id": "u", "address": "127.0.0.1:1"})
    (tmp_path / "routes.json").write_text(json.dumps(changed))
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_line("routes served", 2)


def test_a_tunnel_outlives_its_targets_service(start, target, tmp_path):
    proxy = start(deregistration_delay_ms=3600000)
    target.answer = echo
    with upgrade(proxy) as client:
        client.exactly(5)
        drain(proxy, target, tmp_path, 3600000)
        client.send(b"still here?")
        assert client.exactly(11) == b"STILL HERE?"


def test_a_tunnel_does_not_outlive_the_deregistration_delay(start, target, tmp_path):
    proxy = start(deregistration_delay_ms=0)
    target.answer = lambda connection, _: connection.send(GRANTED) or until_closed(target)(connection, _)
    with upgrade(proxy) as client:
        drain(proxy, target, tmp_path, 0)
        assert client.rest() == b""
    target.wait(lambda: target.cut_off)
