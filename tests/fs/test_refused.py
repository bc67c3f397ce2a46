"""Everything by which fsspec could write is refused, with what to do instead, and leaves the store as it was."""

# ruff: noqa: ARG005 - every call is given the same
import fsspec
import pytest
from fsspec import AbstractFileSystem

from consist import errors
from consist.fs.readonly import ReadOnly

WRITES = {
    "open wb": lambda fs, path, file: fs.open(path, "wb"),
    "open xb": lambda fs, path, file: fs.open(path, "xb"),
    "open ab": lambda fs, path, file: fs.open(path, "ab"),
    "open r+b": lambda fs, path, file: fs.open(path, "r+b"),
    "open w": lambda fs, path, file: fs.open(path, "w", encoding="utf-8"),
    "fsspec.open": lambda fs, path, file: fsspec.open(f"consist://{path}", "wb").__enter__(),
    "write_text": lambda fs, path, file: fs.write_text(path, "x"),
    "write_bytes": lambda fs, path, file: fs.write_bytes(path, b"x"),
    "touch": lambda fs, path, file: fs.touch(path),
    "touch kept": lambda fs, path, file: fs.touch(path, truncate=False),
    "pipe": lambda fs, path, file: fs.pipe(path, b"x"),
    "pipe several": lambda fs, path, file: fs.pipe({path: b"x"}),
    "pipe_file": lambda fs, path, file: fs.pipe_file(path, b"x", mode="create"),
    "put": lambda fs, path, file: fs.put(file, path),
    "put several": lambda fs, path, file: fs.put([file], [path]),
    "put_file": lambda fs, path, file: fs.put_file(file, path),
    "upload": lambda fs, path, file: fs.upload(file, path),
    "mkdir": lambda fs, path, file: fs.mkdir(path),
    "makedir": lambda fs, path, file: fs.makedir(path),
    "makedirs": lambda fs, path, file: fs.makedirs(path, exist_ok=True),
    "mkdirs": lambda fs, path, file: fs.mkdirs(path, exist_ok=True),
    "copy": lambda fs, path, file: fs.copy("steps/make/out", path),
    "copy folder": lambda fs, path, file: fs.copy("steps/make", path, recursive=True),
    "cp": lambda fs, path, file: fs.cp("steps/make/out", path),
    "cp_file": lambda fs, path, file: fs.cp_file("steps/make/out", path),
    "mv": lambda fs, path, file: fs.mv("steps/make/out", path),
    "move": lambda fs, path, file: fs.move("steps/make/out", path),
    "rename": lambda fs, path, file: fs.rename("steps/make/out", path),
    "rm": lambda fs, path, file: fs.rm("steps/make", recursive=True),
    "rm_file": lambda fs, path, file: fs.rm_file("steps/make/out"),
    "rmdir": lambda fs, path, file: fs.rmdir("steps/make"),
    "delete": lambda fs, path, file: fs.delete("steps/make/out"),
    "mapper": lambda fs, path, file: fs.get_mapper("steps/make").update(new=b"x"),
    "transaction": lambda fs, path, file: fs.transaction,
    "start_transaction": lambda fs, path, file: fs.start_transaction(),
}


@pytest.fixture
def state(home):
    return lambda: {path: path.is_dir() or path.read_bytes() for path in (home / "index.store").rglob("*")}


def test_every_way_to_write_is_refused(fs, keep, home, state):
    keep(b"content")
    file = home / "file"
    file.write_bytes(b"x")
    before = state()
    for name, write in WRITES.items():
        for path in ("steps/make/out", "steps/make/new", "runs/x/y", "nowhere"):
            with pytest.raises(errors.ReadOnlyError, match=r"read-only.*Tracker.run") as caught:
                write(fs, path, str(file))
            assert isinstance(caught.value, PermissionError), name
    assert state() == before
    assert file.read_bytes() == b"x"


def test_no_method_of_fsspec_that_writes_is_forgotten():
    """All public methods of a filesystem are sorted here: a new one of fsspec must be looked at."""
    reading = (
        "cat cat_file cat_ranges checksum clear_instance_cache created current disk_usage download du end_transaction "
        "exists expand_path find from_dict from_json get get_file get_mapper glob head info invalidate_cache isdir "
        "isfile lexists listdir ls modified open read_block read_bytes read_text sign size sizes stat tail to_dict "
        "to_json tree ukey unstrip_protocol walk"
    )
    public = {name for name in dir(AbstractFileSystem) if not name.startswith("_")}
    methods = {name for name in public if callable(getattr(AbstractFileSystem, name)) and name != "transaction_type"}
    assert methods - set(reading.split()) <= set(vars(ReadOnly))


def test_reading_modes_are_no_writing(fs, keep):
    keep(b"content")
    for mode in ("r", "rt", "rb"):
        with fs.open("steps/make/out", mode) as stream:
            assert stream.read(2) in {b"co", "co"}
