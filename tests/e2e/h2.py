"""HTTP/2 frames by hand: a client that sends what no library would."""
import struct

from wire import Connection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = ((":method", "GET"), (":scheme", "http"), (":authority", "w"), (":path", "/"))
POST = ((":method", "POST"), *GET[1:])
OK, BAD_REQUEST = b"\x88", b"\x8c"  # how HPACK says 200 and 400


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def number(n: int, bits: int, first: int = 0) -> bytes:
    most = (1 << bits) - 1
    if n < most:
        return bytes([first | n])
    out, n = [first | most], n - most
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def field(name, value, first: int = 0) -> bytes:
    """A literal, not indexed (or, with 0x40, remembered), without Huffman."""
    name, value = (part.encode("latin-1") if isinstance(part, str) else part for part in (name, value))
    return bytes([first]) + number(len(name), 7) + name + number(len(value), 7) + value


def block(fields) -> bytes:
    return b"".join(field(name, value) for name, value in fields)


class Client:
    def __init__(self, connection: Connection, settings: bytes = b""):
        self.connection = connection
        self.connection.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, *args):
        self.connection.send(frame(*args))

    def request(self, stream: int, fields=GET, ends: bool = True):
        self.send(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, block(fields))

    def read(self):
        """The next frame: kind, flags, stream, payload; None at the end. Settings are acknowledged."""
        try:
            head = self.connection.exactly(9)
            kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
            payload = self.connection.exactly(int.from_bytes(head[:3], "big"))
        except EOFError:
            return None
        if kind == SETTINGS and not flags & ACK:
            try:
                self.send(SETTINGS, ACK, 0)
            except OSError:
                pass
        return kind, flags, stream, payload

    def wait(self, kind: int, stream: int = 0):
        """Skip to that frame. Return: its flags and payload."""
        while (got := self.read()) is not None:
            if got[0] == kind and got[2] == stream:
                return got[1], got[3]
        raise AssertionError(f"the connection ended before frame {kind} on stream {stream}")

    def outcome(self, stream: int):
        """What ends the stream: the bytes of its answer's head, ("reset", code) or ("goaway", code)."""
        while (got := self.read()) is not None:
            kind, _, at, payload = got
            if kind == HEADERS and at == stream:
                return payload
            if kind == RST_STREAM and at == stream:
                return "reset", struct.unpack(">I", payload)[0]
            if kind == GOAWAY:
                return "goaway", struct.unpack(">I", payload[4:8])[0]
        return None

    def goaway(self) -> int:
        """The error code that the connection ends with."""
        return struct.unpack(">I", self.wait(GOAWAY)[1][4:8])[0]
