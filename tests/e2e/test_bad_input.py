"""What weir refuses, and how: malformed HTTP, and starts that cannot work."""
import os
import pathlib
import socket
import subprocess

import pytest

from conftest import WEIR


def refused(*options: str) -> str:
    """Start a weir that must not start; returns its one line of complaint."""
    result = subprocess.run([WEIR, "serve", *options], text=True, capture_output=True, timeout=60)
    assert result.returncode == 1, result
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("--listen", f"127.0.0.1:{port}", "--state", str(tmp_path / "s"))
    assert str(port) in line and "in use" in line


def test_a_port_of_another_weir(weir, tmp_path):
    address = weir.url.removeprefix("http://")
    assert "in use" in refused("--listen", address, "--state", str(tmp_path / "s"))


def test_a_state_directory_of_another_weir(weir):
    line = refused("--listen", "127.0.0.1:0", "--state", str(weir.state))
    assert str(weir.process.pid) in line


def test_a_state_directory_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert str(file) in refused("--listen", "127.0.0.1:0", "--state", str(file / "state"))
    assert str(file) in refused("--listen", "127.0.0.1:0", "--state", str(file))


def test_a_corrupt_database_is_left_as_it_is(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    database = state / "state.db"
    rubbish = b"this was a database once" * 400
    database.write_bytes(rubbish)
    assert "state.db" in refused("--listen", "127.0.0.1:0", "--state", str(state))
    assert database.read_bytes() == rubbish


def test_a_bad_configuration_file(tmp_path):
    config = tmp_path / "weir.json"
    config.write_text('{"images": ')
    assert "weir.json" in refused("--listen", "127.0.0.1:0", "--state", str(tmp_path / "s"), "--config", str(config))


def test_no_auth_beyond_loopback(tmp_path):
    line = refused("--listen", "0.0.0.0:0", "--state", str(tmp_path / "s"), "--no-auth")
    assert "--no-auth" in line
    line = refused("--listen", "127.0.0.1:0", "--tls-listen", "0.0.0.0:0", "--tls-directory", str(tmp_path),
                   "--state", str(tmp_path / "s"), "--no-auth")
    assert "--no-auth" in line and "0.0.0.0:0" in line


def test_no_auth_on_loopback_needs_no_keys(start_weir):
    weir = start_weir("--no-auth")
    clients = weir.client("sagemaker", aws_access_key_id="any", aws_secret_access_key="thing")
    assert clients.list_endpoints()["Endpoints"] == []


def test_keys_are_for_their_owner_only(weir):
    assert (weir.state / "credentials").stat().st_mode & 0o777 == 0o600
    assert weir.state.stat().st_mode & 0o777 == 0o700


def exchange(weir, data: bytes) -> bytes:
    host, port = weir.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        while True:
            part = connection.recv(65536)
            if not part:
                return answer
            answer += part


HEAD = b"POST /endpoints/e/invocations HTTP/1.1\r\nHost: weir\r\n"


@pytest.mark.parametrize("name,request_bytes,status", [
    ("both framings", HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("obs-fold", HEAD + b"X-A: b\r\n c\r\n\r\n", 400),
    ("bare LF", b"GET / HTTP/1.1\nHost: weir\n\n", 400),
    ("space before colon", HEAD + b"X-A : b\r\n\r\n", 400),
    ("NUL in a value", HEAD + b"X-A: b\0c\r\n\r\n", 400),
    ("negative length", HEAD + b"Content-Length: -1\r\n\r\n", 400),
    ("overflowing length", HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("head too large", HEAD + b"X-A: " + b"a" * 100000 + b"\r\n\r\n", 431),
    ("target too long", b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: weir\r\n\r\n", 414),
    ("HTTP/3.0", b"GET / HTTP/3.0\r\nHost: weir\r\n\r\n", 505),
    ("unknown coding", HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
], ids=lambda value: value if isinstance(value, str) else "")
def test_malformed_http_is_answered_and_closed(weir, name, request_bytes, status):
    answer = exchange(weir, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert answer.count(b"HTTP/1.1 %d " % status) == 1


def test_a_body_over_the_limit_is_refused(start_weir):
    answer = exchange(start_weir("--no-auth"), HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ") or b"ValidationError" in answer


def test_health_needs_no_keys(weir):
    answer = exchange(weir, b"GET /healthz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_unknown_commands_and_options(tmp_path):
    result = subprocess.run([WEIR, "frobnicate"], text=True, capture_output=True)
    assert result.returncode == 2 and "frobnicate" in result.stderr
    result = subprocess.run([WEIR], text=True, capture_output=True)
    assert result.returncode == 2 and "usage: weir" in result.stderr


@pytest.mark.parametrize("command,says", [
    ("serve --log-level loud", "debug, info, warn or error"),
    ("serve extra", "unexpected argument 'extra'"),
    ("proxy --routes x --listen nonsense", "--listen ADDR:PORT"),
    ("proxy --routes x --listen unix:/x", "--listen ADDR:PORT"),
    ("proxy --routes x --tls-listen-fds 0", "exclude each other"),
    ("model-server --listen unix:/x", "--listen takes ADDR:PORT"),
    ("key update abc", "permitted"),
    ("key update abc --read --name x", "--name"),
])
def test_wrong_values_are_told_what_would_do(command, says):
    result = subprocess.run([WEIR, *command.split()], text=True, capture_output=True, timeout=60)
    assert result.returncode == 2
    assert says in result.stderr


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["serve", "--help"]])
def test_output_that_cannot_be_written_is_an_error(command):
    with open("/dev/full", "w") as full:
        result = subprocess.run([WEIR, *command], text=True, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 1
    assert "No space left" in result.stderr
