"""TLS toward clients (docs/tls.md)."""
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

import pytest

from conftest import WEIR
from wire import PATIENCE_S, Connection, Proxy, Target, group


def openssl(*words, **more) -> str:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True, **more).stdout


class Authority:
    def __init__(self, folder: pathlib.Path, name: str = "ca"):
        self.folder, self.file = folder, folder / f"{name}.crt"
        self.key = folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-keyout", self.key, "-out", self.file, "-subj", f"/CN={name}")

    def issue(self, file: str, *names: str, subject: str = "") -> pathlib.Path:
        """FILE.crt and FILE.key for these names."""
        at = self.folder / file
        (self.folder / "san").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names or ["x"]))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{at}.key",
                "-out", f"{at}.csr", "-subj", subject or f"/CN={file}")
        openssl("x509", "-req", "-in", f"{at}.csr", "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
                "-days", "2", "-out", f"{at}.crt", "-extfile", self.folder / "san")
        return pathlib.Path(f"{at}.crt")

    def context(self, **settings) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.file)
        for name, value in settings.items():
            setattr(context, name, value)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def target():
    made = Target()
    yield made
    made.close()


class TlsProxy(Proxy):
    def __init__(self, folder, target, *options):
        super().__init__(folder, {"routes": [{"path_prefix": "/", "target_group": "g"}],
                                  "target_groups": [group("g", target.port)]},
                         "--tls-listen", "127.0.0.1:0", *(str(option) for option in options))
        [line] = [line for line in self.lines if "listening with TLS" in line]
        self.tls_port = int(re.search(r"address=\S+:(\d+)", line)[1])

    def dial_tls(self, context, name="one.test", session=None) -> Connection:
        sock = socket.create_connection(("127.0.0.1", self.tls_port), timeout=PATIENCE_S)
        return Connection(context.wrap_socket(sock, server_hostname=name, session=session))

    def ask(self, context, name="one.test", fields=b"", session=None):
        """One request on a connection of its own: its answer's status, the session afterwards, and whether that is
        an old one."""
        with self.dial_tls(context, name, session) as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: w\r\n" + fields + b"\r\n")
            return connection.message().status, connection.sock.session, connection.sock.session_reused


@pytest.fixture
def start(tmp_path, target):
    started = []

    def begin(*options) -> TlsProxy:
        started.append(TlsProxy(tmp_path, target, *options))
        return started[-1]

    yield begin
    for one in started:
        one.stop()
        one.process.stderr.close()


def pair(certificate: pathlib.Path) -> tuple:
    return "--tls-certificate", certificate, "--tls-key", certificate.with_suffix(".key")


def names(connection: Connection) -> set:
    return {value for _, value in connection.sock.getpeercert()["subjectAltName"]}


def test_the_name_asked_for_decides_about_the_certificate(start, authority):
    proxy = start(*pair(authority.issue("one", "one.test")), *pair(authority.issue("two", "*.two.test", "two.test")))
    context = authority.context()
    for asked, shown in (("one.test", "one.test"), ("two.test", "two.test"), ("a.two.test", "*.two.test"),
                         ("ONE.test", "one.test")):
        with proxy.dial_tls(context, asked) as connection:
            assert shown in names(connection)
    with pytest.raises(ssl.SSLCertVerificationError):  # the first one's, which is not for that name
        proxy.dial_tls(context, "a.b.two.test")


def test_certificates_from_a_directory(start, authority, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    for name in ("one", "two"):
        certificate = authority.issue(name, f"{name}.test")
        (folder / f"{name}.pem").write_bytes(certificate.read_bytes())
        (folder / f"{name}.key").write_bytes(certificate.with_suffix(".key").read_bytes())
    proxy = start("--tls-directory", folder)
    for name in ("one.test", "two.test"):
        with proxy.dial_tls(authority.context(), name) as connection:
            assert names(connection) == {name}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_bodies_of_any_size_pass(start, authority, target, version):
    def echo(connection, message):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(message.body) + message.body)
        return True

    target.answer = echo
    proxy = start(*pair(authority.issue("one", "one.test")))
    with proxy.dial_tls(authority.context(minimum_version=version, maximum_version=version)) as connection:
        for size in (0, 1, 16383, 16384, 16385, 300_000, 2_000_000):
            body = os.urandom(size)
            connection.send(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % size + body)
            assert connection.message().body == body
    assert target.seen[0].field("X-Forwarded-Proto") == b"https"
    assert target.seen[0].field("X-Forwarded-Port") == str(proxy.tls_port).encode()


def test_old_versions_are_refused(start, authority):
    proxy = start(*pair(authority.issue("one", "one.test")))
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.tls_port}", "-tls1_1", "-cipher",
                           "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=PATIENCE_S)
    assert said.returncode != 0


@pytest.mark.parametrize("version, tickets", [(ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True),
                                              (ssl.TLSVersion.TLSv1_2, False)])
def test_sessions_are_resumed_on_any_thread_and_after_a_reload(start, authority, version, tickets):
    proxy = start(*pair(authority.issue("one", "one.test")), "--threads", 2)
    context = authority.context(minimum_version=version, maximum_version=version)
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    status, session, reused = proxy.ask(context)
    assert status == 200 and not reused
    for _ in range(8):
        status, _, reused = proxy.ask(context, session=session)
        assert status == 200 and reused
    if tickets:
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_line("certificates read", 2)
        assert proxy.ask(context, session=session)[2]


def test_new_clients_see_new_certificates_after_sighup(start, authority):
    certificate = authority.issue("one", "one.test")
    proxy = start(*pair(certificate))
    with proxy.dial_tls(authority.context()) as old:
        serial = old.sock.getpeercert()["serialNumber"]
        authority.issue("one", "one.test")
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_line("routes served", 2)

        def shown():
            with proxy.dial_tls(authority.context()) as new:
                return new.sock.getpeercert()["serialNumber"]

        assert shown() != serial
        old.send(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n")
        assert old.message().status == 200

        certificate.write_text("broken")
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_line("the old ones stay")
        assert shown() != serial


def test_clients_show_certificates_and_targets_hear_of_them(start, authority, target):
    client = authority.issue("client", subject='/O=Some "Org"/CN=me')
    proxy = start(*pair(authority.issue("one", "one.test")), "--tls-clients", "required",
                  "--tls-client-ca", authority.file)
    context = authority.context()
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        proxy.ask(context)
    assert target.seen == []
    context.load_cert_chain(client, client.with_suffix(".key"))
    assert proxy.ask(context, fields=b"X-Forwarded-Client-Cert: Subject=root\r\nx_forwarded-client-cert: root\r\n"
                                     b"X-Amzn-Mtls-Clientcert-Subject: root\r\n")[0] == 200
    [seen] = target.seen
    fingerprint = openssl("x509", "-in", str(client), "-noout", "-fingerprint", "-sha256")
    digest = fingerprint.split("=")[1].strip().replace(":", "").lower().encode()
    assert seen.field("X-Forwarded-Client-Cert") == b'Hash=%s;Subject="CN=me,O=Some \\\\\\"Org\\\\\\""' % digest
    assert b"root" not in seen.head


def test_targets_may_hear_of_certificates_as_load_balancers_tell(start, authority, target):
    client = authority.issue("client")
    proxy = start(*pair(authority.issue("one", "one.test")), "--tls-clients", "optional",
                  "--tls-client-ca", authority.file, "--tls-client-fields", "alb")
    context = authority.context()
    assert proxy.ask(context)[0] == 200  # it is asked, and has none
    context.load_cert_chain(client, client.with_suffix(".key"))
    assert proxy.ask(context)[0] == 200
    without, seen = target.seen
    assert not without.field("X-Amzn-Mtls-Clientcert-Subject")
    assert seen.field("X-Amzn-Mtls-Clientcert-Subject") == b"CN=client"
    assert seen.field("X-Amzn-Mtls-Clientcert-Issuer") == b"CN=ca"
    assert seen.field("X-Amzn-Mtls-Clientcert-Serial-Number")
    assert seen.field("X-Amzn-Mtls-Clientcert-Validity").startswith(b"NotBefore=20")
    assert seen.field("X-Amzn-Mtls-Clientcert-Leaf").startswith(b"-----BEGIN%20CERTIFICATE-----%0A")


def test_a_certificate_of_another_authority_is_refused(start, authority, target, tmp_path):
    stranger = Authority(tmp_path, "stranger").issue("client")
    proxy = start(*pair(authority.issue("one", "one.test")), "--tls-clients", "optional",
                  "--tls-client-ca", authority.file)
    context = authority.context()
    context.load_cert_chain(stranger, stranger.with_suffix(".key"))
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        proxy.ask(context)
    assert target.seen == []


def test_the_protocol_is_agreed_on(start, authority):
    proxy = start(*pair(authority.issue("one", "one.test")))
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (None, None)):
        context = authority.context()
        if offered:
            context.set_alpn_protocols(offered)
        with proxy.dial_tls(context) as connection:
            assert connection.sock.selected_alpn_protocol() == chosen
    context = authority.context()
    context.set_alpn_protocols(["spdy/3"])
    with pytest.raises(ssl.SSLError):
        proxy.dial_tls(context)
    got = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.file, "--connect-to",
                          f"one.test:443:127.0.0.1:{proxy.tls_port}", "-w", " %{http_version}", "https://one.test/"],
                         check=True, capture_output=True, timeout=PATIENCE_S).stdout
    assert got == b"ok 2"


def test_a_staple_is_shown(start, authority, tmp_path):
    certificate = authority.issue("stapled", "one.test")
    serial = openssl("x509", "-in", str(certificate), "-noout", "-serial").split("=")[1].strip()
    (tmp_path / "index").write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=stapled\n")
    openssl("ocsp", "-index", tmp_path / "index", "-rsigner", authority.file, "-rkey", authority.key, "-CA",
            authority.file, "-issuer", authority.file, "-cert", certificate, "-ndays", "1", "-respout",
            f"{certificate}.ocsp")
    proxy = start(*pair(certificate))
    said = openssl("s_client", "-connect", f"127.0.0.1:{proxy.tls_port}", "-servername", "one.test", "-status",
                   input="", timeout=PATIENCE_S)
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: w\r\n\r\n",
    os.urandom(5000),
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    b"\x16\x03\x01\xff\xff" + bytes(70000),
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x17\x03\x03\x00\x10" + bytes(16),
    b"",
], ids=["http", "noise", "short hello", "long record", "alert", "data", "nothing"])
def test_what_is_no_tls_ends_at_once(start, authority, target, data):
    proxy = start(*pair(authority.issue("one", "one.test")))
    with Connection(socket.create_connection(("127.0.0.1", proxy.tls_port), timeout=PATIENCE_S)) as connection:
        connection.send(data)
        connection.sock.shutdown(socket.SHUT_WR)
        back = connection.rest()
    assert back == b"" or back[:1] == b"\x15"  # an alert
    assert proxy.ask(authority.context())[0] == 200
    assert len(target.seen) == 1


def test_noise_in_an_open_connection_ends_it(start, authority, target):
    proxy = start(*pair(authority.issue("one", "one.test")))
    with proxy.dial_tls(authority.context()) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n")
        connection.message()
        raw = socket.socket(fileno=os.dup(connection.sock.fileno()))
        with Connection(raw) as below:
            below.send(b"\x17\x03\x03\x00\x20" + os.urandom(32))
            below.rest()
    assert len(target.seen) == 1


def test_an_idle_connection_ends_with_a_word(start, authority):
    proxy = start(*pair(authority.issue("one", "one.test")), "--idle-timeout", "1")
    sock = socket.create_connection(("127.0.0.1", proxy.tls_port), timeout=PATIENCE_S)
    with authority.context().wrap_socket(sock, server_hostname="one.test", suppress_ragged_eofs=False) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n")
        assert client.recv(65536).endswith(b"ok")
        assert client.recv(1) == b""  # without close_notify it would raise


class Terminal:
    """openssl s_client, whose lines K, k and R ask for new keys, ours too, and for a new handshake."""

    def __init__(self, proxy, *options):
        self.process = subprocess.Popen(["stdbuf", "-o0", "openssl", "s_client", "-connect",
                                         f"127.0.0.1:{proxy.tls_port}", *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""

    def say(self, line: bytes):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hear(self, text: bytes, count: int = 1):
        while self.said.count(text) < count:
            part = self.process.stdout.read1(65536)
            assert part, self.said
            self.said += part

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def test_clients_change_keys_as_they_like(start, authority, target):
    proxy = start(*pair(authority.issue("one", "one.test")))
    with Terminal(proxy, "-tls1_3") as client:
        for i, command in enumerate((b"k\n", b"K\n", b"K\n", b"k\n"), 1):
            client.hear(b"KEYUPDATE" if i > 1 else b"Extended master secret", max(i - 1, 1))  # then it reads
            client.say(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n")
            client.hear(b"HTTP/1.1 200 ", i)
            client.say(command)
    assert [message.line for message in target.seen].count(b"GET / HTTP/1.1") == 4


def test_nobody_renegotiates(start, authority, target):
    proxy = start(*pair(authority.issue("one", "one.test")))
    with Terminal(proxy, "-tls1_2") as client:
        client.hear(b"Extended master secret")
        client.say(b"R\n")
        client.hear(b"no renegotiation")
    assert proxy.ask(authority.context())[0] == 200


@pytest.mark.parametrize("options, why", [
    (("--tls-certificate", "/nowhere"), "no certificate could be read"),
    (("--tls-directory", "/nowhere"), "No such file"),
    ((), "--tls-listen needs"),
    (("--tls-certificate", "x", "--tls-clients", "required"), "need each other"),
])
def test_what_cannot_work_is_said_at_the_start(tmp_path, options, why):
    (tmp_path / "routes.json").write_text("{}")
    said = subprocess.run([WEIR, "proxy", "--routes", tmp_path / "routes.json", "--listen", "127.0.0.1:0",
                           "--tls-listen", "127.0.0.1:0", *options], capture_output=True, text=True, timeout=PATIENCE_S)
    assert said.returncode != 0 and why in said.stderr
