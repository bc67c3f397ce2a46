"""A proxy in front of a real server that misbehaves on cue: it answers instead, loses answers, or hangs up.

Requests are passed on byte for byte, `Host` too, so that signatures hold.
"""

import contextlib
import http.client
import http.server
import socket
import struct
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>on cue</Message></Error>'


@dataclass
class Fault:
    """What to do with the next `times` requests of a method whose path contains something.

    `pass_on`: let the server do it first. `status` and `code`: answer this; without a status, hang up. `only`: do it
    only if the server answered this status.
    """

    method: str
    status: int | None = None
    code: str = ""
    path: str = ""
    pass_on: bool = False
    times: int = 1
    only: int | None = None


@dataclass
class Proxy:
    """A running proxy; `seen` is every request with the status it was answered, or None."""

    endpoint: str
    faults: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    without: str = ""
    """A header that is not passed on, as by a server that knows nothing of it."""
    answering: threading.Event = field(default_factory=threading.Event)
    """While it is not set, requests wait."""

    def __post_init__(self):
        self.answering.set()

    def count(self, method):
        return sum(seen[0] == method for seen in self.seen)

    def fault_for(self, method, path, status):
        for fault in self.faults:
            known = status is not None
            fits = fault.method in {method, "*"} and fault.path in path and fault.times > 0
            if fits and fault.pass_on == known and fault.only in {None, status}:
                fault.times -= 1
                return fault
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: tuple

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.answering.wait()
        if not self.misbehave(None):
            status, headers, answer = self.forward(body)
            if not self.misbehave(status):
                self.answer(status, answer, headers)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve  # noqa: N815 - as the base class calls them

    def forward(self, body):
        with socket.create_connection(self.upstream, timeout=60) as link:
            lines = [f"{self.command} {self.path} HTTP/1.1"]
            dropped = {"connection", "expect", self.proxy.without.lower()}
            lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in dropped]
            link.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
            response = http.client.HTTPResponse(link, method=self.command)
            response.begin()
            return response.status, response.getheaders(), response.read()

    def misbehave(self, status):
        fault = self.proxy.fault_for(self.command, self.path, status)
        if fault is None:
            return False
        if fault.status is None:
            self.proxy.seen.append((self.command, self.path, None))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()  # a reset, since the rest of the answer is not waited for
            raise ConnectionAbortedError
        self.answer(fault.status, ERROR.format(fault.code).encode(), [("Content-Type", "application/xml")])
        return True

    def answer(self, status, body, headers):
        self.proxy.seen.append((self.command, self.path, status))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """Say nothing: hanging up is what it is for."""

    def shutdown_request(self, request):
        with contextlib.suppress(OSError):
            super().shutdown_request(request)


@contextlib.contextmanager
def proxy_to(endpoint):
    """Run a proxy before a server."""
    where = urlsplit(endpoint)
    handler = type("BoundHandler", (Handler,), {"upstream": (where.hostname, where.port)})
    server = Server(("127.0.0.1", 0), handler)
    handler.proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield handler.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
