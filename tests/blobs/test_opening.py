"""Paths and URLs: what is opened, how it is spelled, and what is refused."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from consist.blobs.local import LocalBackend
from consist.blobs.opening import open_backend
from consist.blobs.remote import RemoteBackend
from consist.blobs.urls import normalise_url
from consist.errors import SettingsError


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("/data/store", "/data/store"),
        ("/data//store/", "/data/store"),
        ("/data/x/../store", "/data/store"),
        ("/data/100%25 #1?", "/data/100%25 #1?"),
        (Path("/data/store"), "/data/store"),
        ("/data/a::b", "/data/a::b"),
        ("file:///data/store/", "/data/store"),
        ("file://localhost/data/store", "/data/store"),
        ("FILE:///data/my%20store", "/data/my store"),
        ("local:///data/store", "/data/store"),
        (Path("/data/näh #1").as_uri(), "/data/näh #1"),
        ("memory://team/store/", "memory://team/store"),
        ("S3://Bucket/Key/", "s3://Bucket/Key"),
        ("ftp://user:secret@host/store", "ftp://host/store"),
        ("ftp://user:se@cret@host/a@b", "ftp://host/a@b"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
    ],
)
def test_one_spelling(given, wanted):
    assert normalise_url(given) == wanted
    assert normalise_url(normalise_url(given)) == wanted


def test_relative_and_home_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert normalise_url("store") == normalise_url("./store") == str(tmp_path / "store")
    assert normalise_url("~/store") == os.path.expanduser("~/store")  # noqa: PTH111
    assert open_backend("store").url == str(tmp_path / "store")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "not the place"),
        ("  ", "not the place"),
        ("/data/\0", "not the place"),
        ("file://data/store", "absolute"),
        ("memory://", "no bucket or folder"),
        ("memory:///", "no bucket or folder"),
        ("s3:///team", r"s3:// names no bucket or folder .write s3://name/folder"),
        ("gs:///team/x", "names no bucket"),
        ("simplecache::memory://team/store", "chained"),
        ("dir::file:///data", "chained"),
        ("memory://team/store::x", "chained"),
        ("nosuchthing://team/store", "nosuchthing"),
        ("s3:/cas/x", r"write s3://cas/x; a folder of that name is \./s3:/cas/x"),
        ("s3//cas/x", r"write s3://cas/x; a folder of that name is \./s3//cas/x"),
        ("GS:/user:pw@cas/x", r"\AGS:/cas/x is .*write gs://cas/x"),
        (Path("s3://cas/x"), "write s3://cas/x"),
        ("file:/data/x", "write file:///data/x"),
    ],
)
def test_what_is_refused(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=said):
        open_backend(given)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "raw.csv").write_text("a,b")
    with pytest.raises(SettingsError, match=r"raw.csv is a file, and a store is a folder \(name a folder"):
        open_backend(tmp_path / "raw.csv")


def test_a_folder_may_have_the_name_of_a_slip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("./s3:/x", "./s3//x", "s3/x", "s3", "files:/x", str(tmp_path / "s3:/x")):
        assert normalise_url(name) == os.path.abspath(name)  # noqa: PTH100


def test_a_path_or_a_file_url_is_a_folder(tmp_path):
    for given in (tmp_path / "a", str(tmp_path / "a"), (tmp_path / "a").as_uri()):
        backend = open_backend(given)
        assert isinstance(backend, LocalBackend)
        assert backend.url == str(tmp_path / "a")


def test_the_settings_of_a_folder_arrive(tmp_path):
    open_backend(tmp_path / "a", durable=False, sharing="group").put("blobs/1", b"")
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o2770
    with pytest.raises(SettingsError):
        open_backend(tmp_path / "a", sharing="public")


@pytest.mark.parametrize(
    ("url", "option", "near"),
    [
        ("s3://bucket/store", "endpont_url", "endpoint_url"),
        ("picky://team/store", "Region", "region"),
    ],
)
def test_a_storage_option_that_is_misspelt_opens_no_other_store(url, option, near):
    given = {"key": "k3y", "secret": "s3cr3t"} if url.startswith("s3") else {}
    with pytest.raises(SettingsError, match=rf"storage option '{option}' \(did you mean '{near}'\?\)"):
        open_backend(url, storage_options={**given, option: "x"}).stat("consist.json")


def test_a_slip_in_a_usual_storage_option_is_told_before_anything_is_asked():
    with pytest.raises(SettingsError, match=r"storage option 'endpont_url' \(did you mean 'endpoint_url'"):
        open_backend("s3://bucket/store", storage_options={"endpont_url": "x"})
    open_backend("s3://bucket/store", storage_options={"use_ssl": True, "requester_pays": False})


def test_a_storage_option_like_none_is_the_drivers():
    assert open_backend("memory://any/store", storage_options={"colour": "red"}).stat("key") is None


def test_a_folder_takes_no_storage_options(tmp_path):
    with pytest.raises(SettingsError, match="key, token") as raised:
        open_backend(tmp_path, storage_options={"token": "s3cr3t", "key": "k3y"})
    assert "s3cr3t" not in str(raised.value)
    assert isinstance(open_backend(tmp_path, storage_options={}), LocalBackend)


@pytest.mark.parametrize(
    ("url", "package", "said"),
    [
        ("s3://bucket/store", "s3fs", r"pip install '\.\[s3\]' in a checkout"),
        ("gs://bucket/store", "gcsfs", r"pip install '\.\[gcs\]' in a checkout"),
        ("gcs://bucket/store", "gcsfs", r"pip install '\.\[gcs\]' in a checkout"),
        ("abfs://box/store", "adlfs", "pip install adlfs"),
    ],
)
def test_a_missing_driver_is_named(url, package, said, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # what Python itself keeps of a package that is not there
    loaded = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(loaded, url.partition(":")[0], raising=False)  # another test may have used it
    with pytest.raises(SettingsError, match=said) as raised:
        open_backend(url)
    assert package in raised.value.message


class PickyFileSystem(MemoryFileSystem):
    protocol = "picky"

    def __init__(self, *, region="here"):  # noqa: ARG002 - named, so that fsspec passes it
        super().__init__()


fsspec.register_implementation("picky", PickyFileSystem, clobber=True)


def test_options_that_a_driver_does_not_take_are_named_without_their_values():
    open_backend("picky://team/store", storage_options={"region": "there"}).stat("key")
    other = open_backend("picky://team/store", storage_options={"token": "s3cr3t", "region": "there"})
    assert "s3cr3t" not in repr(other)
    with pytest.raises(SettingsError, match="region, token") as raised:
        other.get("key")
    assert "s3cr3t" not in str(raised.value)


class SwallowingFileSystem(MemoryFileSystem):
    protocol = "swallowing"

    def __init__(self, endpoint_url=None, **handed_on):  # noqa: ARG002 - as drivers of servers do
        super().__init__()


fsspec.register_implementation("swallowing", SwallowingFileSystem, clobber=True)


def test_a_misspelt_option_is_named_and_another_is_handed_on():
    open_backend("swallowing://team/store", storage_options={"profile": "work"}).stat("key")
    with pytest.raises(SettingsError, match=r"no storage option 'enpoint_url' \(did you mean 'endpoint_url'\?\)"):
        open_backend("swallowing://team/store", storage_options={"enpoint_url": "http://s3cr3t"}).stat("key")


def test_secrets_are_shown_nowhere():
    backend = RemoteBackend("memory://user:s3cr3t@team/store", {"token": "t0k3n"})
    assert backend.url == "memory://team/store"
    for text in (repr(backend), str(backend), backend.url):
        assert "s3cr3t" not in text
        assert "t0k3n" not in text
    with pytest.raises(FileNotFoundError) as raised:
        backend.get("none")
    assert "s3cr3t" not in str(raised.value)


def test_a_remote_backend_travels_without_its_driver():
    backend = open_backend("memory://pickled/store")
    backend.put("blobs/1", b"x")
    copy = pickle.loads(pickle.dumps(backend))  # noqa: S301 - our own
    assert copy.get("blobs/1") == b"x"
    assert copy.url == backend.url
    assert copy.capabilities == backend.capabilities
    backend.delete("blobs/1")


def test_a_folder_needs_no_fsspec(tmp_path):
    code = (
        "import sys; from consist.blobs.opening import open_backend; from consist.blobs.blobstore import BlobStore;"
        f"b = BlobStore(open_backend({str(tmp_path)!r})); d = b.put_bytes(b'x').digest; b.read(d); b.open(d).close();"
        "print([name for name in ('fsspec', 'concurrent.futures', 'tempfile', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class RecordingFileSystem(MemoryFileSystem):
    protocol = "recording"
    made = []  # noqa: RUF012 - of all of them

    def __init__(self, **given):
        self.made.append((self, given))
        super().__init__()


fsspec.register_implementation("recording", RecordingFileSystem, clobber=True)


def test_a_driver_keeps_no_listings_and_is_shared_with_nobody():
    """With a listing of its own it would not see what another process wrote."""
    RecordingFileSystem.made.clear()
    for _ in range(2):
        open_backend("recording://team/store").stat("key")
    (one, given), (other, _) = RecordingFileSystem.made
    assert given == {"use_listings_cache": False}
    assert one is not other
