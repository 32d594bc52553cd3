"""A target that speaks HTTP/2 by hand: it answers as it is told, and does what no library would."""
import socket
import struct
import threading

import hpack

import h2
from wire import PATIENCE_S, Connection

SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_INITIAL_WINDOW_SIZE = 3, 4
OK = ((":status", "200"),)


def setting(key: int, value: int) -> bytes:
    return struct.pack(">HI", key, value)


class Request:
    """What has come of one, in the order of its frames."""

    def __init__(self, session: "Session", stream: int):
        self.session, self.stream = session, stream
        self.fields, self.body, self.trailers, self.ended, self.reset = [], b"", [], False, None
        self.window = session.window_of_streams

    def field(self, name: str):
        return dict(self.fields).get(name)

    def head(self, fields=OK, ends: bool = False):
        self.session.send(h2.HEADERS, h2.END_HEADERS | (h2.END_STREAM if ends else 0), self.stream, h2.block(fields))

    def data(self, data: bytes, ends: bool = False):
        self.session.send(h2.DATA, h2.END_STREAM if ends else 0, self.stream, data)

    def reply(self, body: bytes = b"ok", fields=OK):
        self.head(fields)
        self.data(body, ends=True)

    def pour(self, data: bytes):
        """The rest of the answer, as fast as the windows open."""
        threading.Thread(target=self.session.pour, args=(self, data), daemon=True).start()

    def rst(self, code: int):
        self.session.send(h2.RST_STREAM, 0, self.stream, struct.pack(">I", code))


class Session:
    """One connection of the proxy."""

    def __init__(self, target: "H2Target", connection: Connection):
        self.target, self.connection = target, connection
        self.decoder, self.block, self.requests = hpack.Decoder(max_header_list_size=1 << 20), b"", {}
        self.lock = threading.Lock()
        self.ended, self.goaway_seen = False, None
        self.window = self.window_of_streams = 65535

    def raw(self, data: bytes):
        with self.lock:
            self.connection.send(data)

    def send(self, *args):
        self.raw(h2.frame(*args))

    def large_head(self, request: Request, fields):
        """One that takes several frames, and no body."""
        block = h2.block(fields)
        pieces = [block[i:i + 16384] for i in range(0, len(block), 16384)]
        for i, piece in enumerate(pieces):
            flags = (h2.END_STREAM if i == 0 else 0) | (h2.END_HEADERS if i == len(pieces) - 1 else 0)
            self.send(h2.CONTINUATION if i else h2.HEADERS, flags, request.stream, piece)

    def goaway(self, last: int, code: int = 0):
        self.send(h2.GOAWAY, 0, 0, struct.pack(">II", last, code))

    def run(self):
        self.connection.exactly(len(h2.PREFACE))
        if self.target.greeting is None:
            return self.connection.rest()
        self.raw(self.target.greeting)
        while True:
            head = self.connection.exactly(9)
            payload = self.connection.exactly(int.from_bytes(head[:3], "big"))
            self.take(head[3], head[4], struct.unpack(">I", head[5:])[0], payload)

    def pour(self, request: Request, data: bytes):
        while data:
            self.target.wait(lambda: min(self.window, request.window) > 0 or self.ended or request.reset is not None)
            n = min(self.window, request.window, 16384, len(data))
            if n <= 0:
                return
            with self.target.changed:
                self.window -= n
                request.window -= n
            request.data(data[:n], ends=n == len(data))
            data = data[n:]

    def open_window(self, stream: int, n: int):
        if stream == 0:
            self.window += n
        elif stream in self.requests:
            self.requests[stream].window += n

    def take(self, kind: int, flags: int, stream: int, payload: bytes):
        if kind == h2.SETTINGS and not flags & h2.ACK:
            for key, value in struct.iter_unpack(">HI", payload):
                if key == SETTINGS_INITIAL_WINDOW_SIZE:
                    self.window_of_streams = value
            self.send(h2.SETTINGS, h2.ACK, 0)
        elif kind == h2.WINDOW_UPDATE:
            self.target.note(lambda: self.open_window(stream, struct.unpack(">I", payload)[0]))
        elif kind == h2.PING and not flags & h2.ACK:
            self.send(h2.PING, h2.ACK, 0, payload)
        elif kind == h2.GOAWAY:
            self.target.note(lambda: setattr(self, "goaway_seen", struct.unpack(">I", payload[4:8])[0]))
        elif kind in (h2.HEADERS, h2.CONTINUATION):
            self.block += payload
            if flags & h2.END_HEADERS:
                self.fields(stream, self.decoder.decode(self.block, raw=False))
                self.block = b""
            if kind == h2.HEADERS:
                self.ends = flags & h2.END_STREAM
            if flags & h2.END_HEADERS and self.ends:
                self.end(stream)
        elif kind == h2.DATA:
            request = self.requests[stream]
            request.body += payload
            if payload and self.target.reads:
                self.send(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload)))
                if not flags & h2.END_STREAM:
                    self.send(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", len(payload)))
            if self.target.pings:
                self.send(h2.PING, 0, 0, bytes(8))
            self.target.note(lambda: None)
            if flags & h2.END_STREAM:
                self.end(stream)
        elif kind == h2.RST_STREAM:
            request = self.requests.get(stream)
            if request:
                self.target.note(lambda: setattr(request, "reset", struct.unpack(">I", payload)[0]))

    def fields(self, stream: int, fields: list):
        if stream in self.requests:
            self.requests[stream].trailers = fields
            return
        request = self.requests[stream] = Request(self, stream)
        request.fields = fields
        self.target.note(lambda: self.target.begun.append(request))
        if self.target.begins:
            self.target.begins(request)

    def end(self, stream: int):
        request = self.requests[stream]
        request.ended = True
        self.target.note(lambda: self.target.seen.append(request))
        if self.target.answer:
            self.target.answer(request)


class H2Target:
    """`begins(request)` is called when its head is there, `answer(request)` at its end."""

    def __init__(self, settings: bytes = b""):
        self.greeting = h2.frame(h2.SETTINGS, 0, 0, settings)
        self.answer, self.begins, self.reads = (lambda request: request.reply()), None, True
        self.pings = False  # after each DATA
        self.begun, self.seen, self.sessions = [], [], []
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
            session = Session(self, Connection(sock))
            session.connection.sock.settimeout(None)
            self.note(lambda: self.sessions.append(session))
            threading.Thread(target=self.serve, args=(session,), daemon=True).start()

    def serve(self, session: Session):
        with session.connection:
            try:
                session.run()
            except (EOFError, OSError):
                pass
        self.note(lambda: setattr(session, "ended", True))

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def wait(self, condition, why: str = ""):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), why or "it did not come to that"

    def wait_for_requests(self, n: int) -> list:
        self.wait(lambda: len(self.seen) >= n, f"{n} requests")
        return self.seen

    def close(self):
        self.listener.close()
        for session in self.sessions:
            try:
                session.connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
