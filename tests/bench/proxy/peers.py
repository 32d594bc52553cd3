"""The programs of the proxy benchmark: how each is configured, started, watched and stopped."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("WEIR", ROOT / "build" / "weir")).resolve().parent
PROXY_CORE, LOAD_CORE = 0, 1
CLIENTS_MAX = 5000

HAPROXY = """global
    nbthread 1
    maxconn {clients}
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 60s
    timeout queue 30s
    option forwardfor
    http-reuse always
    {options}
frontend front
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {certificate} alpn http/1.1
    default_backend back
backend back
    balance leastconn
{servers}
"""
NGINX = """daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections {clients}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    upstream back {{
        least_conn;
        keepalive 128;
        keepalive_requests 1000000000;
{servers}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_buffering off;
        }}
    }}
}}
"""


def program_path(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        sys.exit(f"weir: the proxy benchmark needs {name}: apt-get install wrk haproxy nginx openssl")
    return found


def on_core(core: int):
    return lambda: os.sched_setaffinity(0, {core})


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port: int, log: pathlib.Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"weir: nobody listens on port {port}:\n{log.read_text()}")


def make_certificate(folder: pathlib.Path) -> pathlib.Path:
    """A key and a certificate that it has signed itself, in one file."""
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    subprocess.run([program_path("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                   check=True, stderr=subprocess.DEVNULL)
    both.write_text(certificate.read_text() + key.read_text())
    return both


class Backends:
    """A fleet of four, as cases want it."""

    COUNT = 4

    def __init__(self, folder: pathlib.Path, *options: str):
        self.folder = folder
        self.folder.mkdir()
        self.process = subprocess.Popen([BUILD / "bench-backend", "--unix", folder, *options, str(self.COUNT)],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=on_core(LOAD_CORE))
        self.ports = [int(port) for port in self.process.stdout.readline().split()]

    def unix(self) -> list[str]:
        return [f"unix:{self.folder}/{i}.sock" for i in range(self.COUNT)]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Proxy:
    """One of the programs, running; its pid is that of the process which does the work.

    Names: weir, haproxy, nginx. weir-unix asks the backends over Unix sockets, weir-epoll goes without io_uring;
    haproxy-splice splices bodies, haproxy-no-delay sends pieces of an answer when they come instead of holding them
    back for up to 200 ms.
    """

    def __init__(self, name: str, folder: pathlib.Path, backends: Backends, certificate: pathlib.Path, case):
        self.name, self.folder, self.port, self.tls_port = name, folder / name, free_port(), free_port()
        self.backends, self.certificate, self.cap, self.tls = backends, certificate, case.cap, case.tls
        self.folder.mkdir()
        self.log = open(self.folder / "log", "w", encoding="utf-8")
        command = getattr(self, name.partition("-")[0])()
        self.process = subprocess.Popen(command, preexec_fn=on_core(PROXY_CORE), stdout=self.log, stderr=self.log)
        wait_for(self.port, self.folder / "log")
        self.pid = self.worker()

    def weir(self) -> list:
        addresses = [f"127.0.0.1:{port}" for port in self.backends.ports]
        if self.name == "weir-unix":
            addresses = self.backends.unix()
        group = {"id": "back", "health_path": "/0", "queue_length_max": 100000, "targets": [
            {"id": str(i), "address": address} for i, address in enumerate(addresses)]}
        if self.cap:
            group["concurrency_max"] = self.cap
        routes = self.folder / "routes.json"
        routes.write_text(json.dumps({"routes": [{"path_prefix": "/", "target_group": "back"}],
                                      "target_groups": [group]}))
        tls = ["--tls-listen", f"127.0.0.1:{self.tls_port}", "--tls-certificate", self.certificate, "--tls-key",
               self.certificate]
        return [BUILD / "weir", "proxy", "--routes", routes, "--threads", "1", "--listen", f"127.0.0.1:{self.port}",
                *(tls if self.tls else []), *(("--io", "epoll") if self.name == "weir-epoll" else ())]

    def haproxy(self) -> list:
        file = self.folder / "haproxy.cfg"
        cap = f" maxconn {self.cap}" if self.cap else ""
        servers = "\n".join(f"    server s{port} 127.0.0.1:{port}{cap}" for port in self.backends.ports)
        options = {"haproxy-splice": "option splice-request\n    option splice-response",
                   "haproxy-no-delay": "option http-no-delay"}.get(self.name, "")
        file.write_text(HAPROXY.format(port=self.port, tls_port=self.tls_port, certificate=self.certificate,
                                       clients=CLIENTS_MAX, servers=servers, options=options))
        return [program_path("haproxy"), "-db", "-f", file]

    def nginx(self) -> list:
        file = self.folder / "nginx.conf"
        servers = "\n".join(f"        server 127.0.0.1:{port};" for port in self.backends.ports)
        file.write_text(NGINX.format(folder=self.folder, port=self.port, tls_port=self.tls_port,
                                     certificate=self.certificate, clients=CLIENTS_MAX, files=2 * CLIENTS_MAX,
                                     servers=servers))
        return [program_path("nginx"), "-p", self.folder, "-e", self.folder / "nginx-error.log", "-c", file]

    def worker(self) -> int:
        """nginx listens before it has made the process that serves."""
        children, deadline = [], time.monotonic() + 10
        while self.name == "nginx" and not children and time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else self.process.pid

    def cpu_ns(self) -> int:
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def rss_bytes(self) -> int:
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
