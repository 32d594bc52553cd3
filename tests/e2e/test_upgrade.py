"""Another version takes over while requests run: nothing is lost; and one that does not come up changes nothing."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import conftest
from conftest import WEIR, Load, eventually

RATE = 50 if "debug" in WEIR else 200


@pytest.fixture
def own_binary(tmp_path, monkeypatch) -> pathlib.Path:
    """A copy of the program that a test may replace; the server is started from it."""
    path = tmp_path / "bin" / "weir"
    path.parent.mkdir()
    shutil.copy(WEIR, path)
    monkeypatch.setattr(conftest, "WEIR", str(path))
    return path


def replace(binary: pathlib.Path):
    """The same program as another file under the same name, as package managers do it."""
    new = binary.with_name("weir.new")
    shutil.copy(WEIR, new)
    os.rename(new, binary)


def programs(weir) -> dict:
    """name -> pids of the supervisor's programs, those on their way out too."""
    found = {"control": set(), "proxy": set()}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if parent == weir.process.pid and len(words) > 1 and words[1].decode() in found:
            found[words[1].decode()].add(int(entry.name))
    return found


def connect(weir) -> socket.socket:
    host, port = weir.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=30)
    return client


def ask(client: socket.socket) -> bytes:
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: weir\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(65536)
    return answer


def test_an_upgrade_loses_nothing(start_weir, own_binary, model_file, tmp_path):
    weir = start_weir()
    weir.make_endpoint("steady", model_url=f"file://{model_file}", count=2)
    instances = {i["InstanceId"] for i in weir.status()["Endpoints"][0]["Variants"][0]["Instances"]}
    load = Load(weir, "steady", tmp_path, RATE)
    eventually(lambda: weir.status()["Endpoints"][0]["Variants"][0].get("InvocationsPerSecond", 0) > 0)
    for _ in range(2):
        before = programs(weir)
        replace(own_binary)
        done = weir.command("upgrade")
        assert "upgraded" in done.stdout
        after = programs(weir)
        assert not after["control"] & before["control"] and len(after["control"]) == 1
        assert after["proxy"] - before["proxy"], "there is a new proxy"
    weir.client("sagemaker").describe_endpoint(EndpointName="steady")
    result = load.finish()
    assert result["requests"] > 0
    assert result["failed"] == 0, result
    eventually(lambda: len(programs(weir)["proxy"]) == 1, why="the old proxies end with their last connections")
    assert {i["InstanceId"] for i in weir.status()["Endpoints"][0]["Variants"][0]["Instances"]} == instances
    assert weir.stop() == 0


def test_an_idle_connection_is_answered_once_more_and_told_to_close(start_weir, own_binary):
    weir = start_weir()
    with connect(weir) as client:
        assert b"Connection: close" not in ask(client)
        old = programs(weir)["proxy"]
        weir.command("upgrade")
        eventually(lambda: "handing over" in weir.log())
        answer = ask(client)
        assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer
    eventually(lambda: not programs(weir)["proxy"] & old, why="the old proxy ends")
    assert weir.stop() == 0


def test_a_version_that_does_not_come_up_changes_nothing(start_weir, own_binary, tmp_path):
    weir = start_weir()
    before = programs(weir)
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    failed = weir.command("upgrade", "--binary", str(broken), check=False)
    assert failed.returncode == 1
    assert "the old version goes on: the new proxy ended before it served" in failed.stderr
    assert programs(weir)["control"] == before["control"]
    assert before["proxy"] <= programs(weir)["proxy"]

    # one whose proxy is good and whose control is not
    half = tmp_path / "half"
    half.write_text(f'#!/bin/sh\n[ "$1" = control ] && exit 3\nexec {WEIR} "$@"\n')
    half.chmod(0o755)
    failed = weir.command("upgrade", "--binary", str(half), check=False)
    assert failed.returncode == 1 and "the new control plane ended before it served" in failed.stderr
    weir.client("sagemaker", config=None).list_endpoints()
    assert before["proxy"] <= programs(weir)["proxy"]
    eventually(lambda: programs(weir)["proxy"] == before["proxy"])

    text = tmp_path / "text"
    text.write_text("no program")
    failed = weir.command("upgrade", "--binary", str(text), check=False)
    assert failed.returncode == 1 and "Permission denied" in failed.stderr
    assert weir.stop() == 0


def test_sighup_upgrades_when_the_file_has_changed(start_weir, own_binary):
    weir = start_weir()
    before = programs(weir)
    weir.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the program file is the one that runs" in weir.log())
    assert programs(weir) == before
    replace(own_binary)
    weir.process.send_signal(signal.SIGHUP)
    eventually(lambda: " upgraded " in weir.log())
    eventually(lambda: not programs(weir)["proxy"] & before["proxy"])
    assert not programs(weir)["control"] & before["control"]
    weir.client("sagemaker").list_endpoints()
    assert weir.stop() == 0


def test_without_a_server_it_says_so(tmp_path):
    done = subprocess.run([WEIR, "upgrade", "--state", str(tmp_path)], text=True, capture_output=True)
    assert done.returncode == 1 and "no server found" in done.stderr
