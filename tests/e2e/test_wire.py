"""docs/http.md row by row: what comes on the wire, what is answered, and what the target sees of it."""
import ctypes
import fcntl
import pathlib
import re
import socket
import struct
import termios

import pytest

from conftest import ROOT, eventually
from wire import NOTHING_WRONG, PATIENCE_S, Proxy, Target, group


def rows(heading: str) -> dict:
    """The table under that heading of docs/http.md: first column -> the other columns."""
    text = (ROOT / "docs" / "http.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [re.split(r"\s*\|\s*", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in table[1:]}


@pytest.fixture(scope="module")
def target():
    made = Target()
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxy(target, tmp_path_factory):
    made = Proxy(tmp_path_factory.mktemp("wire"), {
        "routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [group("g", target.port)]})
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def forget(target):
    target.forget()


GET = b"GET / HTTP/1.1\r\nHost: w\r\n"
POST = b"POST / HTTP/1.1\r\nHost: w\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

REFUSED = {
    "bytes that are not HTTP": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00\x00\x00\x00", b"{}\r\n\r\n"],
    "a line that ends in LF alone": [b"GET / HTTP/1.1\nHost: w\r\n\r\n", GET + b"A: b\n\r\n", GET + b"\n",
                                     b"\nGET / HTTP/1.1\r\nHost: w\r\n\r\n"],
    "a CR that is not followed by LF": [GET + b"A: b\rc\r\n\r\n", GET + b"A: b\r\r\n\r\n", GET + b"A\r: b\r\n\r\n",
                                        b"GET /\r HTTP/1.1\r\nHost: w\r\n\r\n"],
    "NUL or another control byte": [GET + b"A: b\0c\r\n\r\n", GET + b"A\0: b\r\n\r\n", GET + b"A: \x7f\r\n\r\n",
                                    GET + b"A: \x0b\r\n\r\n", b"GET /\0 HTTP/1.1\r\nHost: w\r\n\r\n"],
    "a field folded over two lines": [GET + b"A: b\r\n c\r\n\r\n", GET + b"A: b\r\n\tc\r\n\r\n",
                                      b"GET / HTTP/1.1\r\n Host: w\r\n\r\n",
                                      POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END],
    "white space before a field's colon": [GET + b"A : b\r\n\r\n", POST + b"Transfer-Encoding : chunked\r\n\r\n" + END,
                                           POST + b"Content-Length\t: 1\r\n\r\nx"],
    "a field without a name or a colon": [GET + b"A\r\n\r\n", GET + b": b\r\n\r\n", GET + b"A(b): c\r\n\r\n"],
    "Content-Length with Transfer-Encoding": [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n" + END + b"G"],
    "two Content-Lengths, even if they are equal": [POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
                                                    POST + b"Content-Length: 1\r\ncontent-length: 1\r\n\r\nx"],
    "a list of lengths in one Content-Length": [POST + b"Content-Length: 1, 1\r\n\r\nx",
                                                POST + b"Content-Length: 1,2\r\n\r\nxy"],
    "a Content-Length with a sign, or not decimal": [POST + b"Content-Length: %s\r\n\r\nx" % value for value in
                                                     (b"-1", b"+1", b"0x1", b"1 0", b"", b"1;", b"\xb2")],
    "a Content-Length of 2^63 or more": [POST + b"Content-Length: %d\r\n\r\nx" % value
                                         for value in (2**63, 2**64, 2**64 + 1, 10**40)],
    "a transfer coding other than chunked": [POST + b"Transfer-Encoding: %s\r\n\r\n" % value + END for value in
                                             (b"gzip", b"gzip, chunked", b"xchunked", b"identity", b'"chunked"',
                                              b"chunked;q=1")]
    + [POST + b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello"],
    "chunked twice, or not last": [POST + b"Transfer-Encoding: %s\r\n\r\n" % value + END for value in
                                   (b"chunked, chunked", b"chunked, gzip", b"", b",")],
    "two Transfer-Encodings": [POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
                               POST + b"Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n" + END],
    "Transfer-Encoding in HTTP/1.0": [b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + END],
    "HTTP/1.1 without Host": [b"GET / HTTP/1.1\r\n\r\n", b"GET http://w/ HTTP/1.1\r\n\r\n"],
    "two Hosts": [GET + b"Host: w\r\n\r\n", GET + b"host: x\r\n\r\n", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"],
    "a Host that is no host": [b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host for host in
                               (b"a/b", b"u@a", b"a b", b"a, b", b"a:65536", b"a:http", b"[::1", b"a?b", b"a#b")],
    "a target that is no path and no http URL": [b"GET %s HTTP/1.1\r\nHost: w\r\n\r\n" % target for target in
                                                 (b"index", b"ftp://w/", b"http:///", b"http://u@w/", b"w:80", b"?")],
    "a byte that no target may have": [b"GET /%s HTTP/1.1\r\nHost: w\r\n\r\n" % part for part in
                                       (b"#x", b"\\", b'"', b"<", b"\xff")],
    "* with a method other than OPTIONS": [b"GET * HTTP/1.1\r\nHost: w\r\n\r\n"],
    "a request line with more or less than two spaces": [b"GET  / HTTP/1.1\r\nHost: w\r\n\r\n",
                                                         b"GET / HTTP/1.1 \r\nHost: w\r\n\r\n",
                                                         b"GET /a b HTTP/1.1\r\nHost: w\r\n\r\n",
                                                         b"GET\t/ HTTP/1.1\r\nHost: w\r\n\r\n",
                                                         b"GET /\r\nHost: w\r\n\r\n", b" GET / HTTP/1.1\r\n\r\n"],
    "CONNECT and TRACE": [b"CONNECT w:443 HTTP/1.1\r\nHost: w\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: w\r\n\r\n"],
    "a version other than HTTP/1.0 and HTTP/1.1": [b"GET / HTTP/%s\r\nHost: w\r\n\r\n" % version
                                                   for version in (b"1.2", b"2.0", b"0.9", b"3.0")],
    "a target of more than 16 KiB": [b"GET /" + b"a" * 16384 + b" HTTP/1.1\r\nHost: w\r\n\r\n",
                                     b"GET /" + b"a" * 70000],
    "a head of more than 64 KiB": [GET + b"A: " + b"a" * 66000 + b"\r\n\r\n",
                                   GET + b"".join(b"A%d: %s\r\n" % (i, b"b" * 1000) for i in range(80)) + b"\r\n"],
    "more than 100 fields": [GET + b"A: b\r\n" * 100 + b"\r\n"],
    "more than 32 options in Connection": [
        GET + b"Connection: " + b", ".join(b"x%d" % i for i in range(33)) + b"\r\n\r\n",
        GET + b"Connection: " + b"close," * 10000 + b"\r\n\r\n", GET + b"Connection: a\r\n" * 33 + b"\r\n"],
    "empty lines without end": [b"\r\n" * 40000],
    "an expectation other than 100-continue": [POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx",
                                               POST + b"Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\nx"],
    "a chunk size that is no hex number": [CHUNKED + size + b"\r\nx\r\n" + END for size in
                                           (b"g", b"-1", b"+1", b"0x1", b" 1", b"1 ", b"", b"1 1", b";a")],
    "a chunk size of 2^63 or more": [CHUNKED + b"%x\r\nx\r\n" % size for size in (2**63, 2**64, 2**64 + 1, 2**100)],
    "a chunk that is longer than its size": [CHUNKED + b"1\r\nxy\r\n" + END, CHUNKED + b"1\r\nx\n" + END,
                                             CHUNKED + b"1\r\nx" + END],
    "a flood of chunk extensions": [CHUNKED + b"1;" + b"a" * 9000 + b"\r\nx\r\n" + END,
                                    CHUNKED + b"1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 400 + END],
    "trailers of more than 8 KiB": [CHUNKED + b"0\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
                                    CHUNKED + b"0\r\n" + b"A: bcdefgh\r\n" * 1200 + b"\r\n"],
    "a trailer that is no field": [CHUNKED + b"0\r\n%s\r\n\r\n" % line for line in
                                   (b"A", b" a: b", b": b", b"A : b", b"A: b\0", b"A: b\nC: d")],
}
ELSEWHERE = {  # in need of more than one message, below; or of a clock or many connections: test_floods.py
    "a broken chunk after the body has begun to stream", "the end of the connection within a body",
    "a head that takes longer than 10 s", "a body of which nothing comes for 30 s",
    "a connection on which nothing comes for 75 s", "an answer of which nothing is taken for `idle_timeout_ms`",
    "more connections than there may be",
}


def test_every_refusal_of_the_table_is_tested():
    assert set(rows("What is refused")) == set(REFUSED) | ELSEWHERE


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(proxy, target, name):
    status, sees = rows("What is refused")[name]
    assert sees == "nothing"
    for data in REFUSED[name]:
        answer = proxy.talk(data + b"GET /smuggled HTTP/1.1\r\nHost: w\r\n\r\n")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (data[:200], answer[:200])
        assert len(re.findall(rb"HTTP/1.1 \d", answer)) == 1
        assert b"\r\nConnection: close\r\n" in answer and b'"message"' in answer
    proxy.talk(b"GET /after HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n")
    assert [message.line for message in target.seen] == [b"GET /after HTTP/1.1"]
    assert len(target.begun) == 1


def test_a_broken_chunk_after_the_body_has_begun_to_stream(proxy, target):
    with proxy.dial() as connection:
        connection.send(CHUNKED + b"1\r\nx\r\n")
        target.wait(lambda: target.begun)
        connection.send(b"zz\r\n" + END + GET + b"\r\n")
        assert connection.rest().startswith(b"HTTP/1.1 400 ")
    target.wait(lambda: target.cut_off)
    assert target.seen == []


def test_the_end_of_the_connection_within_a_body(proxy, target):
    for framing, part in ((b"Content-Length: 9\r\n\r\n", b"part"), (b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\npart\r\n")):
        target.forget()
        with proxy.dial() as connection:
            connection.send(POST + framing + part)
            target.wait(lambda: target.begun)
        target.wait(lambda: target.cut_off)
        assert target.seen == []


# --- what is changed on the way ----------------------------------------------------------------------


def seen(proxy, target, data: bytes):
    """The one request that reaches the target when `data` is sent."""
    answer = proxy.talk(data)
    assert answer.endswith(NOTHING_WRONG[-2:]), answer
    assert len(target.seen) == 1
    return target.seen[0]


def last(data: bytes) -> bytes:
    """A request that is the last one of its connection."""
    return data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def absolute(proxy, target):
    message = seen(proxy, target, last(b"GET http://other:81/a?b=c HTTP/1.1\r\nHost: w\r\nA: b\r\n\r\n"))
    assert message.line == b"GET /a?b=c HTTP/1.1" and message.field("Host") == b"other:81"


def options(proxy, target):
    assert seen(proxy, target, last(b"OPTIONS * HTTP/1.1\r\nHost: w\r\n\r\n")).line == b"OPTIONS * HTTP/1.1"


def options_url(proxy, target):
    for url, expected in ((b"http://w", b"*"), (b"http://w:81", b"*"), (b"http://w/", b"/"), (b"http://w?a", b"/?a")):
        target.forget()
        message = seen(proxy, target, last(b"OPTIONS %s HTTP/1.1\r\nHost: w\r\n\r\n" % url))
        assert message.line == b"OPTIONS %s HTTP/1.1" % expected


def old(proxy, target):
    message = seen(proxy, target, b"GET /a HTTP/1.0\r\n\r\n")
    assert message.line == b"GET /a HTTP/1.1" and message.field("Host") == b"localhost"


def empty_lines(proxy, target):
    assert seen(proxy, target, b"\r\n\r\n" + last(GET + b"\r\n")).head.startswith(b"GET / HTTP/1.1\r\nHost: w\r\n")


def named(proxy, target):
    message = seen(proxy, target, GET + b"Connection: close, One, host\r\none: 1\r\nTwo: 2\r\nConnection: two\r\n"
                                        b"Three: 3\r\n\r\n")
    assert message.names() == ["Host", "Three", *ADDED]
    target.forget()
    names = [b"N%d" % i for i in range(31)]
    message = seen(proxy, target, GET + b"Connection: ,, close ," + b" ,".join(names) + b",,,\r\n"
                   + b"".join(name.lower() + b": 1\r\n" for name in names) + b"N31: 2\r\n\r\n")
    assert message.names() == ["Host", "N31", *ADDED]


ADDED = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id"]


def one_connection(proxy, target):
    message = seen(proxy, target, last(GET + b"Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: a\r\n"
                                             b"Cookie: c\r\n\r\n"))
    assert message.names() == ["Host", "Cookie", *ADDED]


def expect(proxy, target):
    with proxy.dial() as connection:
        connection.send(last(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"))
        assert connection.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(b"body")
        assert connection.rest().startswith(b"HTTP/1.1 200 ")
    message, = target.seen
    assert message.body == b"body" and message.field("Expect") is None


def forwarded_for(proxy, target):
    message = seen(proxy, target, last(GET + b"X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n\r\n"))
    assert message.field("X-Forwarded-For") == b"1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1"


def forwarded(proxy, target):
    message = seen(proxy, target, last(GET + b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n\r\n"))
    assert message.field("X-Forwarded-Proto") == b"http"
    assert message.field("X-Forwarded-Port") == b"%d" % proxy.port


def underscores(proxy, target):
    message = seen(proxy, target, last(GET + b"X_Forwarded_For: 1\r\nX_Forwarded-Proto: https\r\nX_B: c\r\n\r\n"))
    assert message.names() == ["Host", "X_B", *ADDED]


def trace(proxy, target):
    made = seen(proxy, target, last(GET + b"\r\n")).field("X-Amzn-Trace-Id")
    assert re.fullmatch(rb"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", made)
    target.forget()
    message = seen(proxy, target, last(GET + b"X-Amzn-Trace-Id: Self=x;Root=1-2-3;A=b\r\n\r\n"))
    assert re.fullmatch(rb"Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-2-3;A=b", message.field("X-Amzn-Trace-Id"))


def w3c_trace(proxy, target):
    message = seen(proxy, target, last(GET + b"traceparent: 00-a-b-01\r\ntracestate: c=d\r\n\r\n"))
    assert message.field("traceparent") == b"00-a-b-01" and message.field("tracestate") == b"c=d"


def chunks(proxy, target):
    with proxy.dial() as connection:
        connection.send(last(CHUNKED) + b'001;a="b c"\r\nx\r\n2 ; c\r\nyz\r\n')
        target.wait(lambda: target.begun)
        connection.send(b"000;last\r\n\r\n")
        assert connection.rest().startswith(b"HTTP/1.1 200 ")
    message, = target.seen
    assert message.body == b"xyz" and message.field("Transfer-Encoding") == b"chunked"


def trailers(proxy, target):
    message = seen(proxy, target, last(CHUNKED) + b"1\r\nx\r\n0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: y\r\n\r\n")
    assert message.body == b"x" and message.trailers == b"X-Sum: 1\r\n"


def te(proxy, target):
    message = seen(proxy, target, GET + b"TE: gzip, trailers\r\nConnection: TE, close\r\n\r\n")
    assert message.field("TE") == b"trailers" and message.field("Connection") == b"TE"


CHANGED = {
    "an absolute-form target": absolute,
    "OPTIONS *": options,
    "OPTIONS of a URL without a path": options_url,
    "HTTP/1.0": old,
    "empty lines before the request": empty_lines,
    "Connection and the fields it names": named,
    "fields for one connection": one_connection,
    "Expect: 100-continue": expect,
    "X-Forwarded-For": forwarded_for,
    "X-Forwarded-Proto and X-Forwarded-Port": forwarded,
    "those with an underscore for a hyphen": underscores,
    "X-Amzn-Trace-Id, or none": trace,
    "traceparent and tracestate": w3c_trace,
    "chunks of any size, with extensions": chunks,
    "trailers": trailers,
    "TE: trailers": te,
}


def test_every_change_of_the_table_is_tested():
    assert set(rows("What is changed on the way")) == set(CHANGED)


@pytest.mark.parametrize("name", CHANGED)
def test_changes(proxy, target, name):
    CHANGED[name](proxy, target)


# --- what targets answer -----------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
ASK = last(GET + b"\r\n")
CLOSE = b"Connection: close\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
OKAY = OK + b"Content-Length: 2\r\n\r\nok"
OKAY_CLOSED = OK + b"Content-Length: 2\r\n" + CLOSE + b"\r\nok"
BAD = b"HTTP/1.1 502 "

# name -> (request, what the target sends before it closes, what the client gets; whole, or its beginning)
ANSWERS = {
    "fields for its connection": [
        (ASK, OK + b"Keep-Alive: 5\r\nConnection: X\r\nX: y\r\nA: b\r\nContent-Length: 0\r\n\r\n",
         OK + b"A: b\r\nContent-Length: 0\r\n" + CLOSE + b"\r\n")],
    "a body that ends with the connection": [
        (ASK, OK + b"\r\nall of it",
         OK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"\r\n9\r\nall of it\r\n0\r\n\r\n")],
    "the same, to HTTP/1.0": [(b"GET / HTTP/1.0\r\n\r\n", OK + b"\r\nall of it", OK + CLOSE + b"\r\nall of it")],
    "trailers": [
        (last(GET + b"TE: trailers\r\n\r\n"), OK + b"Trailer: A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nHost: c\r\n\r\n",
         OK + b"Trailer: A\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"\r\n0\r\nA: b\r\n\r\n"),
        (ASK, OK + b"Trailer: A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
         OK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"\r\n0\r\n\r\n")],
    "the head of an answer to HEAD": [
        (last(b"HEAD / HTTP/1.1\r\nHost: w\r\n\r\n"), OK + b"Content-Length: 99\r\n\r\n",
         OK + b"Content-Length: 99\r\n" + CLOSE + b"\r\n")],
    "204 and 304": [
        (ASK, b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", b"HTTP/1.1 204 No Content\r\nA: b\r\n" + CLOSE + b"\r\n"),
        (ASK, b"HTTP/1.1 304 Not Modified\r\nETag: e\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: e\r\n" + CLOSE + b"\r\n")],
    "103 Early Hints and other interim answers": [
        (ASK, HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + OKAY, HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + OKAY_CLOSED)],
    "interim answers, to HTTP/1.0": [(b"GET / HTTP/1.0\r\n\r\n", HINTS + OKAY, OKAY_CLOSED)],
    "100 Continue": [(ASK, b"HTTP/1.1 100 Continue\r\n\r\n" + OKAY, OKAY_CLOSED)],
    "more than 32 interim answers": [(b"GET / HTTP/1.0\r\n\r\n", HINTS * 33 + OKAY, BAD)],
    "what is not HTTP": [(ASK, b"220 smtp ready\r\n\r\n", BAD), (ASK, b"HTTP/1.1 abc\r\n\r\n", BAD),
                         (ASK, b"HTTP/2.0 200 OK\r\n\r\n", BAD)],
    "Content-Length with Transfer-Encoding, or two of them": [
        (ASK, OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
        (ASK, OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", BAD)],
    "a head with a folded field or a control byte": [(ASK, OK + b"A: b\r\n c\r\n\r\n", BAD), (ASK, OK + b"A: \0\r\n\r\n", BAD),
                                                     (ASK, b"HTTP/1.1 200 OK\n\n", BAD)],
    "a head of more than 64 KiB": [(ASK, OK + b"A: " + b"b" * 66000 + b"\r\n\r\n", BAD)],
    "a transfer coding other than chunked": [(ASK, OK + b"Transfer-Encoding: gzip\r\n\r\n", BAD)],
    "204 with a body announced": [(ASK, b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", BAD)],
    "101 that nobody asked for, or to anything but WebSocket": [(ASK, b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", BAD)],
    "no answer: the connection closes": [(ASK, b"", BAD), (ASK, OK, BAD)],
    "a body that ends too early": [(ASK, OK + b"Content-Length: 9\r\n\r\npart", OK + b"Content-Length: 9\r\n" + CLOSE + b"\r\npart")],
    "a broken chunk": [(ASK, OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
                        OK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"\r\n4\r\npart\r\n")],
    "more than 100 fields, or 32 options in Connection": [
        (ASK, OK + b"A: b\r\n" * 101 + b"\r\n", BAD), (ASK, OK + b"Connection: " + b"a," * 33 + b"\r\n\r\n", BAD)],
    "more than it announced": [(ASK, OKAY + OK + b"Content-Length: 7\r\n\r\nanother", OKAY_CLOSED)],
}


def test_every_answer_of_the_table_is_tested():
    assert set(rows("What targets answer")) == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(proxy, target, name):
    for request, sent, expected in ANSWERS[name]:
        def answer(connection, _):
            connection.send(sent)
            return False
        target.answer = answer
        got = proxy.talk(request)
        assert got == expected or (expected == BAD and got.startswith(BAD)), (sent[:300], got[:500])


# --- connections -------------------------------------------------------------------------------------


def test_what_follows_a_bad_request_is_lost_and_what_came_before_is_not(proxy, target):
    for bad in (GET + b"A : b\r\n\r\n", CHUNKED + b"zz\r\n", POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n"):
        target.forget()
        back = proxy.talk(b"GET /1 HTTP/1.1\r\nHost: w\r\n\r\n" * 2 + bad + b"GET /2 HTTP/1.1\r\nHost: w\r\n\r\n")
        assert re.findall(rb"HTTP/1.1 (\d+) ", back) == [b"200", b"200", b"400"]
        assert [message.line for message in target.seen] == [b"GET /1 HTTP/1.1"] * 2


def unacknowledged(port: int) -> bool:
    """Whether what was sent from this port of ours has not been taken by the other side."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.split(":")[1], 16) == port:
            return int(queues.split(":")[0], 16) > 0
    return False


def unsent(sock: socket.socket) -> int:
    """Bytes that the other side has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def deafen(sock: socket.socket):
    """Let nothing that is sent to this socket reach it from now on: a filter that takes no packet. It would miss that
    its own words have come, too, and say them again and again instead of its end."""
    eventually(lambda: unsent(sock) == 0, PATIENCE_S)
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET, 0 bytes
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    sock.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER


def test_a_request_that_crosses_the_end_of_its_connection_is_sent_again(proxy, target):
    """As between machines: the target closes while a POST is on its way to it. No reset tells so in time."""
    ports = []

    def answer(connection, message):
        ports.append(connection.sock.getpeername()[1])
        connection.send(OKAY)
        if message.line.startswith(b"GET"):
            deafen(connection.sock)
            target.note(target.cut_off, "deaf")
            eventually(lambda: unacknowledged(ports[0]), PATIENCE_S, "the request is on its way")
        return not message.line.startswith(b"GET")

    target.answer = answer
    with proxy.dial() as client:
        client.send(b"GET /first HTTP/1.1\r\nHost: w\r\n\r\n")
        assert client.message().body == b"ok"
        target.wait(lambda: target.cut_off)
        client.send(b"POST /second HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody")
        assert client.message().body == b"ok"
    assert [message.line for message in target.seen] == [b"GET /first HTTP/1.1", b"POST /second HTTP/1.1"]
    assert ports[0] != ports[1]


def test_pipelined_requests_are_answered_in_their_order(proxy, target):
    def answer(connection, message):
        word = message.line.split()[1][1:]
        connection.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(word), word))
        return True
    target.answer = answer
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: w\r\n\r\n" % i for i in range(50))
    with proxy.dial() as connection:
        connection.send(sent)
        assert [connection.message().body for _ in range(50)] == [b"%d" % i for i in range(50)]
    assert [message.line.split()[1] for message in target.seen] == [b"/%d" % i for i in range(50)]


@pytest.mark.parametrize("answer, status, why", [
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 502, "this is not an HTTP answer"),
    (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", 502, "there is more than one Content-Length field"),
    (OK + b"A\0: b\r\n\r\n", 502, "a header field name is malformed"),
    (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 502,
     "it switches to a protocol that nobody has asked for"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, "the chunk framing is malformed"),
])
def test_the_log_says_what_was_wrong_with_an_answer(tmp_path, answer, status, why):
    target = Target()
    target.answer = answer
    proxy = Proxy(tmp_path, {"routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [group("g", target.port)]})
    with proxy.dial() as connection:
        connection.send(GET + b"\r\n")
        assert connection.message(head_only=True).status == status
    proxy.wait_for_line(f'answers are not valid HTTP group=g target=t address=127.0.0.1:{target.port} why="{why}" answers=1')
    proxy.stop()
    proxy.process.stderr.close()
    target.close()
