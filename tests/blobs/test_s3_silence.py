"""S3 servers that fall silent: before an answer and in the middle of one. Both drivers, and what is waited for.

All constants are made smaller by one factor, so that they stand to each other as they do in earnest.
"""

import http.server
import subprocess
import sys
import threading
import uuid

import pytest
from servers import BUCKET

from consist.blobs.remote import RemoteBackend, bounds
from consist.blobs.wrappers import Retrying, retrying
from consist.errors import UnreachableError

QUICKER = 20
SCALED = {
    bounds: ("CONNECT_SECONDS", "SILENT_SECONDS", "SENDING_SECONDS"),
    retrying: ("DEADLINE", "FIRST_DEADLINE", "FIRST_WAIT", "LONGEST_WAIT", "SAID_AFTER"),
}


@pytest.fixture
def quicker(monkeypatch):
    for module, names in SCALED.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) / QUICKER)
    monkeypatch.setattr(Retrying.__init__, "__defaults__", (retrying.DEADLINE,))


def put_large(backend):
    with backend.upload() as upload:
        upload.write(bytes(20 << 20))
        upload.publish("packs/1")


ASKED = {
    "get": lambda backend: backend.get("blobs/1"),
    "stat": lambda backend: backend.stat("blobs/1"),
    "put": lambda backend: backend.put("blobs/2", b"x"),
    "upload": put_large,
}


def test_the_patience_holds_several_requests():
    assert 2 * bounds.SILENT_SECONDS < retrying.DEADLINE
    assert bounds.CONNECT_SECONDS < bounds.SILENT_SECONDS


@pytest.mark.usefixtures("quicker")
@pytest.mark.parametrize("asked", ASKED)
def test_a_server_that_falls_silent_is_asked_again_said_and_then_asked_once_by_each(
    proxy, ministack, driver, asked, caplog
):
    """A get took two minutes and a put four, each anew; nothing was said meanwhile, and "within 60 s" at the end."""
    options = ministack.options(endpoint=proxy.endpoint, consist_driver=driver)
    backend = Retrying(RemoteBackend(f"s3://{BUCKET}/silence/{uuid.uuid4().hex}", options, memory={}))
    backend.put("blobs/1", b"content")
    caplog.clear()
    proxy.answering.clear()
    sending = (asked, driver) == ("upload", "obstore")  # which counts while it sends, too
    in_vain = "in one attempt within 6 s" if sending else r"in [2-9] attempts within [34] s"
    with pytest.raises(UnreachableError, match=f"no answer, {in_vain}"):
        ASKED[asked](backend)
    small = f"{backend.url} takes longer than 0.25 s to answer; it is waited for"
    large = f"{backend.url} does not answer; it is asked again for at most 3 s"
    said = [] if sending else [large if asked == "upload" else small]
    assert [record.getMessage() for record in caplog.records] == said
    for ask in (ASKED["get"], ASKED["stat"]):
        with pytest.raises(UnreachableError, match=r"no answer, nor anything else for \d+ s"):
            ask(backend)


@pytest.mark.usefixtures("quicker")
def test_nothing_large_is_sent_to_who_was_not_heard_lately(proxy, ministack):
    """One small request is waited for, and not the much longer time that obstore has for a large one."""
    options = ministack.options(endpoint=proxy.endpoint, consist_driver="obstore")
    backend = Retrying(RemoteBackend(f"s3://{BUCKET}/silence/{uuid.uuid4().hex}", options, memory={}))
    proxy.answering.clear()
    with pytest.raises(UnreachableError, match="no answer, in one attempt within 1 s"):
        put_large(backend)


class Dripping(http.server.BaseHTTPRequestHandler):
    """Sends what it has byte by byte, and after `most` of them no more."""

    protocol_version = "HTTP/1.1"
    most = 10
    pause = 0.0
    over: threading.Event

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT")
        self.end_headers()
        for byte in b"0123456789"[: self.most]:
            self.over.wait(self.pause)
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
        if self.most < 10:
            self.over.wait()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def dripping():
    """A server, and what it does."""
    over = threading.Event()
    handler = type("Bound", (Dripping,), {"over": over})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("quicker")
def test_a_server_that_stops_in_the_middle_of_an_answer_is_asked_again(dripping, driver):
    handler, endpoint = dripping
    handler.most = 4
    options = {"key": "k", "secret": "s", "endpoint_url": endpoint, "consist_driver": driver}
    backend = Retrying(RemoteBackend("s3://bucket/store", options, memory={}))
    with pytest.raises(UnreachableError, match="no answer, in one attempt within 1 s"):  # it never answered whole
        backend.get("blobs/1")


def test_a_slow_line_is_not_cut_while_bytes_come(dripping, driver, monkeypatch):
    """It takes longer than a silent server is waited for, and no byte does."""
    monkeypatch.setattr(bounds, "SILENT_SECONDS", 2.0)
    handler, endpoint = dripping
    handler.pause = 0.25
    options = {"key": "k", "secret": "s", "endpoint_url": endpoint, "consist_driver": driver}
    assert RemoteBackend("s3://bucket/store", options, memory={}).get("blobs/1") == b"0123456789"


OPENS_NO_MORE = """
import os, resource, sys
from consist.blobs.remote import RemoteBackend
from consist.errors import StorageError

options = {"key": "k", "secret": "s", "endpoint_url": sys.argv[1], "consist_driver": sys.argv[2]}
options["client_kwargs"] = {"region_name": "us-east-1"}
backend = RemoteBackend("s3://cas/full", options, memory={})
backend.stat("blobs/0")  # all that a driver opens once
free = os.dup(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
try:
    backend.stat_many([f"blobs/{number}" for number in range(16)])
except StorageError as error:
    print(f"{error.kind}: {error}")
"""


def test_a_process_that_can_open_no_more_is_told_so(ministack, driver):
    """It was told that nobody answers, and to check the endpoint, after a minute."""
    said = subprocess.run(
        [sys.executable, "-c", OPENS_NO_MORE, ministack.endpoint, driver],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert said.stdout.startswith("storage: cannot stat blobs/")
    assert "this process has too many files and connections open (raise the limit (`ulimit -n`)" in said.stdout
