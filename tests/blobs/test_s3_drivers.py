"""Which driver S3 gets, what obstore is told, and how large things are sent."""

import gc
import hashlib
import os
import subprocess
import sys
import uuid
import weakref

import pytest
from servers import BUCKET

from consist.blobs import pack, spool
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend, choose
from consist.blobs.remote.gcs import Gcs
from consist.blobs.remote.s3 import obstore_config, part_size
from consist.blobs.remote.s3_by_obstore import S3ByObstore
from consist.blobs.remote.s3_by_s3fs import S3ByS3fs
from consist.blobs.remote.strategy import Place
from consist.errors import SettingsError
from consist.hashing.chunker import Chunking
from consist.testing.together import fork

KEYS = {"key": "AK", "secret": "S"}
ENDPOINT = {"endpoint_url": "http://127.0.0.1:1"}
REGION = {"client_kwargs": {"region_name": "eu-west-1"}}


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


def driver_of(options, url="s3://bucket/store", driver=None):
    return choose.choose(Place(url, url, options, driver)).__name__


@pytest.mark.parametrize(
    "options",
    [
        {**KEYS, **ENDPOINT},
        {**KEYS, **REGION},
        {**KEYS, "token": "T", **REGION},
        {**KEYS, "client_kwargs": {"endpoint_url": "http://127.0.0.1:1"}},
        {"anon": True, **REGION},
        {**KEYS, **ENDPOINT, "profile": None},
    ],
    ids=str,
)
def test_obstore_takes_what_it_can(options):
    assert driver_of(options) == "S3ByObstore"
    assert driver_of(options, driver="s3fs") == "S3ByS3fs"


@pytest.mark.parametrize(
    "options",
    [
        {},
        KEYS,
        ENDPOINT,
        {**KEYS, **ENDPOINT, "profile": "work"},
        {**KEYS, **ENDPOINT, "use_ssl": False},
        {**KEYS, "client_kwargs": {"region_name": "eu-west-1", "verify": False}},
        {**KEYS, **ENDPOINT, "config_kwargs": {"signature_version": "s3"}},
        {"key": "AK", **ENDPOINT},
    ],
    ids=str,
)
def test_s3fs_takes_the_rest(options):
    assert driver_of(options) == "S3ByS3fs"
    with pytest.raises(SettingsError, match="obstore cannot do what"):
        driver_of(options, driver="obstore")


def test_a_folder_that_obstore_would_spell_otherwise():
    assert driver_of({**KEYS, **REGION}, url="s3://bucket/a//b") == "S3ByS3fs"


def test_the_environment_is_read_as_botocore_reads_it(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "T")
    assert driver_of({}) == "S3ByS3fs"  # no region: obstore does not look for the bucket's
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert driver_of({}) == "S3ByObstore"
    place = Place("s3://bucket", "s3://bucket", {})
    assert (obstore_config(place)["token"], obstore_config(place)["region"]) == ("T", "eu-west-1")
    # a token of the environment does not belong to a key that was given
    assert obstore_config(Place("s3://bucket", "s3://bucket", {"key": "OTHER", "secret": "S"}))["token"] == ""
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert driver_of({}) == "S3ByS3fs"


@pytest.mark.parametrize(("url", "driver"), [("s3://bucket/x", "boto3"), ("memory://x", "s3fs")])
def test_a_driver_that_there_is_not(url, driver):
    with pytest.raises(SettingsError, match="consist_driver"):
        RemoteBackend(url, {"consist_driver": driver}).get("blobs/1")


def test_secrets_are_shown_nowhere():
    options = {"key": "AK", "secret": "s3cr3t", "token": "t0k3n", **REGION}
    backend = RemoteBackend("s3://bucket/store", options)
    for shown in (repr(backend), repr(backend._place), repr(backend._strategy()), backend.url):
        assert "s3cr3t" not in shown
        assert "t0k3n" not in shown


def test_a_forked_child_of_a_process_with_obstore_does_not_hang(ministack):
    """obstore hangs there, also in a store that is made there; s3fs takes its place."""
    root = f"fork/{uuid.uuid4().hex}"
    backend = RemoteBackend(f"s3://{BUCKET}/{root}", ministack.options())
    backend.put("blobs/1", b"parent")
    assert type(backend._strategy()).__name__ == "S3ByObstore"

    def child():
        backend.put("blobs/2", b"child")
        return type(backend._strategy()).__name__, backend.get("blobs/1")

    assert fork(child).result() == ("S3ByS3fs", b"parent")
    assert ministack.read(f"{root}/blobs/2") == b"child"
    assert type(backend._strategy()).__name__ == "S3ByObstore"
    assert backend.get("blobs/2") == b"child"


def test_a_forked_child_leaves_its_parents_driver_alone(ministack):
    """Collected in the child, it would wait for a loop that has no thread, and meddle with the parent's connections."""
    root = f"fork/{uuid.uuid4().hex}"
    backend = RemoteBackend(f"s3://{BUCKET}/{root}", ministack.options(consist_driver="s3fs"))
    backend.put("blobs/1", b"parent")
    parents = weakref.ref(backend._strategy().fs)

    def child():
        backend.get("blobs/1")
        assert backend._strategy().fs is not parents()
        gc.collect()
        return parents() is not None

    assert fork(child).result()
    assert backend.get("blobs/1") == b"parent"


def test_parts_are_no_more_than_s3_takes():
    for size in (0, 1, 5 << 30, 80 << 30, 5 << 40):
        assert part_size(size) >= 8 << 20
        assert -(-size // part_size(size)) <= 10_000


LARGE = """
import sys
from consist.blobs import pack, spool
from consist.blobs.opening import open_backend
url, driver, endpoint, key, secret = sys.argv[1:]
options = {"key": key, "secret": secret, "endpoint_url": endpoint, "client_kwargs": {"region_name": "us-east-1"}}
backend = open_backend(url, storage_options={**options, "consist_driver": driver})
backend.put("blobs/0", b"x")
with backend.upload() as upload:
    for number in range(80):
        upload.write(bytes([number]) * (4 << 20))
    upload.publish("blobs/large")
# Not `ru_maxrss`: that begins with what the process had that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]))
"""


@pytest.mark.parametrize("driver", ["s3fs", "obstore"])
def test_a_large_object_is_sent_in_parts_and_little_memory(seaweedfs, driver):
    root = f"large/{uuid.uuid4().hex}"
    place = [f"s3://{BUCKET}/{root}", driver, seaweedfs.endpoint, seaweedfs.key, seaweedfs.secret]
    done = subprocess.run(
        [sys.executable, "-c", LARGE, *place], capture_output=True, text=True, check=True, timeout=200
    )
    assert int(done.stdout) < 300 << 10  # KiB
    body = seaweedfs.client.get_object(Bucket=BUCKET, Key=f"{root}/blobs/large")["Body"]
    digest = hashlib.sha256()
    for piece in body.iter_chunks(1 << 20):
        digest.update(piece)
    wanted = hashlib.sha256()
    for number in range(80):
        wanted.update(bytes([number]) * (4 << 20))
    assert digest.digest() == wanted.digest()


@pytest.mark.parametrize("driver", ["s3fs", "obstore"])
def test_what_is_in_memory_is_sent_from_there_in_parts(ministack, driver, monkeypatch):
    monkeypatch.setattr(spool, "_temp_file", None)
    root = f"pack/{uuid.uuid4().hex}"
    options = ministack.options(consist_driver=driver)
    data = os.urandom(1 << 20) * 17
    with open_backend(f"s3://{BUCKET}/{root}", storage_options=options).upload() as upload:
        upload.write(data)
        upload.publish("packs/17")
    assert ministack.read(f"{root}/packs/17") == data
    head = ministack.client.head_object(Bucket=BUCKET, Key=f"{root}/packs/17")
    assert head["ETag"].endswith('-3"'), "in three parts"


@pytest.mark.parametrize("strategy", [S3ByS3fs, S3ByObstore, Gcs])
def test_a_full_pack_does_not_move_to_a_file_at_its_end(strategy):
    chunking = Chunking()
    rows = (45 + 32) * (-(-pack.PACK_SIZE // chunking.min) + 1)  # as docs/format.md has them, all of them compressed
    most = pack.PACK_SIZE + chunking.max + rows + 100
    assert strategy.in_memory > most or strategy.in_memory <= pack.PACK_SIZE // 8


@pytest.mark.parametrize("driver", ["s3fs", "obstore"])
@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:1", "localhost:1", "http://127.0.0.1:99999", "http://h:1 ", "http://[::1"]
)
def test_an_endpoint_that_is_no_url_is_said_in_one_line(driver, endpoint):
    options = {"key": "k", "secret": "s", "endpoint_url": endpoint, "consist_driver": driver}
    with pytest.raises(SettingsError, match=r"is no URL of a server \(write http://HOST:PORT or https://HOST\)"):
        open_backend("s3://bucket/place", storage_options=options).stat("consist.json")
