"""Caps and queues as a model's owner sees them."""
from concurrent.futures import ThreadPoolExecutor

COUNTING_SERVER = '''
import http.server, os, threading, time
lock, busy = threading.Lock(), 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        global busy
        with lock:
            busy += 1
            seen = busy
        time.sleep(0.02)
        with lock:
            busy -= 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(str(seen).encode())
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
'''


def test_an_instance_gets_as_many_requests_at_a_time_as_its_owner_says(weir, tmp_path):
    server = tmp_path / "counting.py"
    server.write_text(COUNTING_SERVER)
    weir.command("deploy", "capped", "--command", f"/usr/bin/python3 {server}", "--concurrency-max", "2", "--wait",
                 "--state", str(weir.state))
    runtime = weir.client("sagemaker-runtime")

    def invoke(_):
        return int(runtime.invoke_endpoint(EndpointName="capped", Body=b"x")["Body"].read())

    with ThreadPoolExecutor(16) as crowd:
        seen = list(crowd.map(invoke, range(64)))
    assert max(seen) <= 2
    model = weir.client("sagemaker").describe_model(ModelName="capped")
    assert model["PrimaryContainer"]["Environment"]["WEIR_CONCURRENCY_MAX"] == "2"


def test_a_cap_is_a_number(weir):
    result = weir.command("deploy", "never", "--command", "true", "--concurrency-max", "many", "--state",
                          str(weir.state), check=False)
    assert result.returncode == 2
    assert "--concurrency-max" in result.stderr
