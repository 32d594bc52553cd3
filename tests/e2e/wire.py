"""Raw bytes on both sides of a proxy: a client that sends what no library would, and a target that
records what reached it and answers as it is told."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading

from conftest import WEIR

PATIENCE_S = 30
NOTHING_WRONG = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Connection:
    """A socket with a buffer: read a head, a number of bytes, or all there is."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.pending = b""

    def more(self) -> bool:
        try:
            part = self.sock.recv(65536)
        except ConnectionError:
            return False
        self.pending += part
        return bool(part)

    def until(self, mark: bytes) -> bytes:
        while mark not in self.pending:
            if not self.more():
                raise EOFError(self.pending)
        taken, _, self.pending = self.pending.partition(mark)
        return taken + mark

    def exactly(self, n: int) -> bytes:
        while len(self.pending) < n:
            if not self.more():
                raise EOFError(self.pending)
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def rest(self) -> bytes:
        while self.more():
            pass
        taken, self.pending = self.pending, b""
        return taken

    def send(self, data: bytes):
        self.sock.sendall(data)

    def fill(self, most: int) -> int:
        """Send zeros until the other side has to read first; returns how many."""
        block, sent = bytes(65536), 0
        self.sock.settimeout(2)  # nothing has moved for so long: it is full
        try:
            while sent < most:
                sent += self.sock.send(block[:most - sent])
        except TimeoutError:
            pass
        self.sock.settimeout(PATIENCE_S)
        return sent

    def message(self, head_only: bool = False) -> "Message":
        """A request or an answer, by the plainest reading of its framing."""
        head = self.until(b"\r\n\r\n")
        message = Message(head, b"")
        if head_only:
            return message
        if b"chunked" in message.field("Transfer-Encoding", b"").lower():
            while True:
                line = self.until(b"\r\n")
                size = int(line.split(b";")[0], 16)
                if size == 0:
                    break
                message.chunks.append(self.exactly(size))
                assert self.exactly(2) == b"\r\n"
            while (line := self.until(b"\r\n")) != b"\r\n":
                message.trailers += line
            message.body = b"".join(message.chunks)
        elif message.field("Content-Length"):
            message.body = self.exactly(int(message.field("Content-Length")))
        return message

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Message:
    def __init__(self, head: bytes, body: bytes):
        self.head, self.body, self.chunks, self.trailers = head, body, [], b""
        self.line, *lines = head.split(b"\r\n")[:-2]
        self.fields = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines]

    @property
    def status(self) -> int:
        return int(self.line.split()[1])

    def field(self, name: str, default=None):
        values = [value for n, value in self.fields if n.lower() == name.lower().encode()]
        return b", ".join(values) if values else default

    def names(self) -> list:
        return [name.decode() for name, _ in self.fields]


class Target:
    """Answers each request with `answer` (bytes, or a function of Connection and Message that says
    whether to go on), and keeps what it saw. Health checks are answered and not kept."""

    def __init__(self):
        self.answer = NOTHING_WRONG
        self.begun, self.seen, self.cut_off = [], [], []
        self.connections = []
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self.serve, args=(Connection(sock),), daemon=True).start()

    def serve(self, connection: Connection):
        with connection:
            try:
                while self.one(connection):
                    pass
            except EOFError as end:
                if end.args[0]:
                    self.note(self.cut_off, end.args[0])
            except OSError:
                pass

    def one(self, connection: Connection) -> bool:
        connection.sock.settimeout(None)
        begun = connection.until(b"\r\n\r\n")
        connection.pending = begun + connection.pending
        if begun.startswith(b"GET /health "):
            connection.message()
            connection.send(NOTHING_WRONG)
            return True
        self.note(self.begun, begun)
        try:
            message = connection.message()
        except EOFError:
            raise EOFError(begun)
        self.note(self.seen, message)
        answer = self.answer
        if callable(answer):
            return answer(connection, message)
        connection.send(answer)
        return True

    def note(self, where: list, what):
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def wait(self, condition, why: str = ""):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), why or "it did not come to that"

    def forget(self):
        with self.changed:
            self.begun, self.seen, self.cut_off, self.answer = [], [], [], NOTHING_WRONG

    def close(self):
        self.listener.close()
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def group(name: str, port: int, **settings) -> dict:
    return {"id": name, "health_path": "/health", "health_interval_ms": 3600000,
            "targets": [{"id": "t", "address": f"127.0.0.1:{port}"}], **settings}


class Proxy:
    """`weir proxy --routes`, on a port of its own."""

    def __init__(self, folder: pathlib.Path, routes: dict, *options: str):
        file = folder / "routes.json"
        file.write_text(json.dumps(routes))
        self.process = subprocess.Popen(
            [WEIR, "proxy", "--routes", file, "--listen", "127.0.0.1:0", "--threads", "1", *options],
            stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            if "listening" in line:
                self.port = int(re.search(r"address=\S+:(\d+)", line)[1])
            if "serving" in line:
                break
        else:
            raise AssertionError("".join(self.lines))
        self.spoke = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stderr:
            with self.spoke:
                self.lines.append(line)
                self.spoke.notify_all()

    def wait_for_line(self, text: str, count: int = 1):
        with self.spoke:
            assert self.spoke.wait_for(lambda: sum(text in line for line in self.lines) >= count, PATIENCE_S), text

    def dial(self) -> Connection:
        return Connection(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S))

    def talk(self, data: bytes) -> bytes:
        """Everything that comes back to these bytes, up to the end of the connection."""
        with self.dial() as connection:
            try:
                connection.send(data)
            except ConnectionError:
                pass  # refused before all of it was sent
            return connection.rest()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert not any(word in line for line in self.lines), "".join(self.lines)
