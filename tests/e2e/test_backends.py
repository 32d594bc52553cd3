"""Real servers behind weir and real clients before it. What a client means as one request is one
request to nginx and to Node, however it is wrapped; and no client notices that weir is there."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import eventually
from test_wire import REFUSED
from wire import PATIENCE_S, Proxy, group

POST = b"POST /outer HTTP/1.1\r\nHost: w\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: w\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


# name -> (what is sent, the body that the server is to see); always one request to /outer
ACCEPTED = {
    "a request as a body": (POST + b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "a request in a chunk": (CHUNKED + chunk(INNER) + b"0\r\n\r\n", INNER),
    "a request in a chunk's extension": (CHUNKED + b'1;a="GET /smuggled HTTP/1.1"\r\nx\r\n0\r\n\r\n', b"x"),
    "a request in trailers": (CHUNKED + b"0\r\nA: GET /smuggled HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\n", b""),
    "trailers that frame": (CHUNKED + chunk(b"x") + b"0\r\nTransfer-Encoding: chunked\r\nContent-Length: 37\r\n\r\n", b"x"),
    "GET with a body": (POST.replace(b"POST", b"GET") + b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "OPTIONS with chunks": (CHUNKED.replace(b"POST", b"OPTIONS") + chunk(INNER) + b"0\r\n\r\n", INNER),
    "a length that Connection names": (
        POST + b"Connection: Content-Length\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "a coding that Connection names": (
        POST + b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(INNER) + b"0\r\n\r\n", INNER),
    "a length with zeros": (POST + b"Content-Length: 000%d\r\n\r\n" % len(INNER) + INNER, INNER),
    "a chunk size with zeros": (CHUNKED + b"0000" + chunk(INNER) + b"000\r\n\r\n", INNER),
    "fields that look like framing": (
        POST + b"Content_Length: 5\r\nX-Transfer-Encoding: chunked\r\nTransfer_Encoding: chunked\r\nContent-Length: %d\r\n\r\n"
        % len(INNER) + INNER, INNER),
    "HTTP/2 by upgrade": (
        POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "WebSocket with a body": (
        POST.replace(b"POST", b"GET") + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n" % len(INNER)
        + INNER, INNER),
    "an absolute target for another host": (
        b"POST http://other/outer HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "HTTP/1.0 kept alive": (
        b"POST /outer HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "what is expected first": (
        POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
}


class Nginx:
    """Says in its log what it took for requests. It drops bodies: of those only the ends show."""

    sees_bodies = False

    def __init__(self, folder, port: int):
        self.log = folder / "requests.log"
        (folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            events {{ }}
            http {{
                log_format line escape=none '$request_method $uri'; access_log {self.log} line;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{port}; client_max_body_size 0;
                    location /health {{ access_log off; return 200; }}
                    location /take {{ proxy_pass http://127.0.0.1:{port}/swallow; }}
                    location /swallow {{ access_log off; return 200; }}
                    location / {{ return 200 "this is nginx\\n"; }}
                }}
            }}""")
        self.process = subprocess.Popen(["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
                                        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})

    def seen(self) -> list:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(*line.split(), None) for line in lines]


class Node:
    """Says in its log what it took for requests, bodies too."""

    sees_bodies = True

    def __init__(self, folder, port: int):
        self.log = folder / "requests.log"
        (folder / "server.js").write_text("""
            const fs = require('fs'), http = require('http');
            const [log, port] = process.argv.slice(2);
            http.createServer((request, response) => {
                const parts = [];
                request.on('data', part => parts.push(part));
                request.on('end', () => {
                    const body = Buffer.concat(parts);
                    if (request.url !== '/health')
                        fs.appendFileSync(log, JSON.stringify([request.method, request.url, body.toString('latin1')]) + '\\n');
                    if (request.method === 'HEAD')
                        return response.end();
                    response.setHeader('Trailer', 'X-Length');
                    response.write('this is node\\n');
                    response.write(body);
                    response.addTrailers({ 'X-Length': String(body.length) });
                    response.end();
                });
            }).on('upgrade', (request, socket, first) => {
                const sum = require('crypto').createHash('sha1');
                sum.update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
                socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
                             'Sec-WebSocket-Accept: ' + sum.digest('base64') + '\\r\\n\\r\\n');
                socket.write(first);
                socket.pipe(socket);
            }).listen(Number(port), '127.0.0.1');""")
        self.process = subprocess.Popen(["node", folder / "server.js", self.log, str(port)])

    def seen(self) -> list:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(method, path, body.encode("latin1")) for method, path, body in map(json.loads, lines)]


def program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="module", params=[Nginx, Node], ids=["nginx", "node"])
def backend(request, tmp_path_factory):
    name = request.param.__name__.lower()
    if not program(name):
        pytest.skip(f"{name} is not installed: what it takes for a request is not tested")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = request.param(tmp_path_factory.mktemp(name), port)

    def listens():
        assert made.process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(listens, why=f"{name} listens")
    made.port = port
    yield made
    made.process.send_signal(signal.SIGTERM)
    made.process.wait(30)


@pytest.fixture(scope="module")
def proxy(backend, tmp_path_factory):
    made = Proxy(tmp_path_factory.mktemp("proxy"), {
        "routes": [{"path_prefix": "/", "target_group": "g"}], "target_groups": [group("g", backend.port)]})
    yield made
    made.stop()


def seen_of(backend, proxy, data: bytes) -> list:
    """What the backend took for requests of these bytes."""
    before = len(backend.seen())
    with proxy.dial() as connection:
        try:
            connection.send(data)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        connection.rest()
    mark = f"/mark-{time.monotonic_ns()}"
    proxy.talk(f"GET {mark} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n".encode())
    eventually(lambda: any(path == mark for _, path, _ in backend.seen()))
    return [entry for entry in backend.seen()[before:] if entry[1] != mark]


@pytest.mark.parametrize("name", ACCEPTED)
def test_one_request_is_one_request(backend, proxy, name):
    data, body = ACCEPTED[name]
    entries = seen_of(backend, proxy, data)
    assert [path for _, path, _ in entries] == ["/outer"], entries
    if backend.sees_bodies:
        assert entries[0][2] == body


def test_what_is_refused_is_no_request(backend, proxy):
    for name, cases in REFUSED.items():
        for data in cases:
            assert seen_of(backend, proxy, data + INNER) == [], (name, data[:200])


def test_websocket(backend, proxy):
    if not backend.sees_bodies:
        pytest.skip("this nginx only serves files")
    with proxy.dial() as client:
        client.send(b"GET /chat HTTP/1.1\r\nHost: w\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        head = client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        for i in range(100):
            frame = bytes([0x81, 0x80 | 5, 1, 2, 3, 4]) + bytes(b ^ m for b, m in zip(b"%05d" % i, (1, 2, 3, 4, 1)))
            client.send(frame)
            assert client.exactly(len(frame)) == frame
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b""


# --- clients -----------------------------------------------------------------------------------------


def run(*words, input=None, timeout_s: float = 60) -> str:
    if not program(words[0]):
        pytest.skip(f"{words[0]} is not installed: it is not tested as a client")
    result = subprocess.run(words, input=input, capture_output=True, timeout=timeout_s)
    assert result.returncode == 0, (words, result.stdout[-2000:], result.stderr[-2000:])
    return result.stdout.decode()


def test_curl(backend, proxy, tmp_path):
    url = f"http://127.0.0.1:{proxy.port}"
    hello = f"this is {type(backend).__name__.lower()}\n"
    big = tmp_path / "big"
    big.write_bytes(b"0123456789abcdef" * (1 << 17))
    assert run("curl", "-sS", "--fail", f"{url}/a", f"{url}/b") == 2 * hello
    assert run("curl", "-sS", "--fail", "--http1.0", f"{url}/a") == hello
    assert "HTTP/1.1 200" in run("curl", "-sS", "--fail", "--head", f"{url}/a")
    for upload in (["--data-binary", f"@{big}"], ["-H", "Expect: 100-continue", "--data-binary", f"@{big}"],
                   ["-H", "Transfer-Encoding: chunked", "--data-binary", f"@{big}"], ["-T", str(big)]):
        answer = run("curl", "-sS", "--fail", *upload, f"{url}/take")
        assert not backend.sees_bodies or answer == hello + big.read_text()
    answer = run("curl", "-sS", "--fail", "-X", "POST", "-T", "-", f"{url}/take", input=b"from a pipe")
    assert not backend.sees_bodies or answer == hello + "from a pipe"


def test_wrk(backend, proxy):
    report = run("wrk", "-t1", "-c16", "-d1s", f"http://127.0.0.1:{proxy.port}/a")
    assert "Socket errors" not in report and "Non-2xx" not in report, report
    assert int(report.split(" requests in ")[0].split()[-1]) > 0


NODE_CLIENT = """
    const http = require('http');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const ask = i => new Promise((resolve, reject) => {
        const request = http.request({ agent, port: process.argv[2], host: '127.0.0.1', method: 'POST', path: '/n' + i,
                                       headers: { TE: 'trailers' } }, response => {
            const parts = [];
            response.on('data', part => parts.push(part));
            response.on('end', () => resolve([response.statusCode, Buffer.concat(parts).toString(), response.trailers['x-length']]));
        });
        request.on('error', reject);
        for (let k = 0; k < 10; k++) request.write('part ' + k + ';');
        request.end();
    });
    Promise.all([...Array(100).keys()].map(ask)).then(answers => console.log(JSON.stringify(answers)));
    setTimeout(() => process.exit(1), 55000).unref();
"""


def test_node(backend, proxy, tmp_path):
    file = tmp_path / "client.js"
    file.write_text(NODE_CLIENT + "process.on('beforeExit', () => agent.destroy());")
    answers = json.loads(run("node", str(file), str(proxy.port)))
    body = "".join(f"part {k};" for k in range(10))
    hello = f"this is {type(backend).__name__.lower()}\n"
    expected = [200, hello + body, str(len(body))] if backend.sees_bodies else [200, hello]
    assert len(answers) == 100 and all(answer[:len(expected)] == expected for answer in answers), answers[:3]


def test_python(backend, proxy):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE_S)
    for i in range(20):
        connection.request("POST", f"/p{i}", iter([b"a", b"bc"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200 and text.startswith(b"this is ")
        assert not backend.sees_bodies or text.endswith(b"abc")
    connection.close()
