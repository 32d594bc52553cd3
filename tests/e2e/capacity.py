"""A custom resource: capacity behind a URL, as AWS's custom resource backends answer for it. It moves by one unit a request,
and can be told to fail."""
import http.server
import json
import threading


class Capacity:
    def __init__(self, actual: int = 1):
        self.actual = self.desired = actual
        self.status = None  # what it says of the change, whatever it does
        self.broken = None  # (status code, body) of every answer
        self.requests = []  # (method, path, what was sent, headers)
        handler = type("Handler", (Handler,), {"capacity": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/scalableTargetDimensions/1-23456789"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def patches(self) -> list:
        return [sent["desiredCapacity"] for method, _, sent, _ in self.requests if method == "PATCH"]

    def document(self) -> dict:
        moving = "InProgress" if self.actual != self.desired else "Successful"
        failed = {"failureReason": "no machines left"} if self.status == "Failed" else {}
        return {"actualCapacity": float(self.actual), "desiredCapacity": float(self.desired), "dimensionName": "MyDimension",
                "resourceName": "MyService", "scalableTargetDimensionId": "1-23456789",
                "scalingStatus": self.status or moving, "version": "MyVersion", **failed}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else None
        c = self.capacity
        c.requests.append((self.command, self.path, sent, dict(self.headers)))
        status, body = c.broken or (200, None)
        if not c.broken and self.command == "PATCH":
            c.desired = int(sent["desiredCapacity"])
        elif not c.broken and not c.status:
            c.actual += (c.desired > c.actual) - (c.desired < c.actual)
        data = (json.dumps(c.document()) if body is None else body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PATCH = answer
