"""A small store made by the real tracker, and two ways to call the program: in this process and as one of its own."""

import contextlib
import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

import msgpack
import pytest

import consist
from consist.cli import progress
from consist.cli.app import run
from consist.store.opening import open_store

BIG = 3 << 20


@dataclass(frozen=True)
class World:
    """A folder with a store in it, and what is in the store."""

    folder: Path
    runs: dict

    @property
    def db_path(self):
        return self.folder / "provenance.duckdb"

    @property
    def store(self):
        return self.folder / "provenance.store"

    def open(self):
        return open_store(str(self.store), str(self.db_path))

    def let_go(self):
        """Close the index in this process, whose map of the file would follow what a test does to it."""
        self.open().index.close()

    def blob(self, digest):
        """Return the object with a blob's bytes: the blob itself, or the first pack of a large one."""
        whole = self.store / "blobs" / digest[:2] / digest[2:]
        manifest = self.store / "manifests" / digest[:2] / digest[2:]
        if whole.exists() or not manifest.exists():
            return whole
        pack = msgpack.unpackb(manifest.read_bytes()[60:-32])[2][:32].hex()
        return self.store / "packs" / pack[:2] / pack[2:]


def clean(limit):
    table = Path("table.csv").absolute()
    table.write_bytes(b"a,b\n" + b"1,2\n" * limit)
    return {"table": table, "rows": limit, "raw": b"\x00\xff\n", "note": "fine — all of it"}


def big():
    path = Path("big.bin").absolute()
    path.write_bytes(bytes(range(256)) * (BIG // 256))
    return path


def fail(reason):
    raise RuntimeError(reason)


@pytest.fixture
def world(tmp_path, monkeypatch):
    folder = tmp_path / "world"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with consist.Tracker(run_dir="runs", db_path="provenance.duckdb") as tracker:
        cleaned = tracker.run(clean, config={"limit": 3, "deep": {"sigma": float("inf")}}, tags=["first", "all"])
        tracker.run(clean, config={"limit": 3, "deep": {"sigma": float("inf")}}, tags=["first", "all"])
        summary = tracker.run(_mean, name="summarise", inputs={"table": cleaned.outputs["table"]}, tags=["all"])
        large = tracker.run(big)
        with pytest.raises(RuntimeError):
            tracker.run(fail, config={"reason": "it\nrained"})
        failed = tracker.find_runs(status="failed")[0]
    (folder / "table.csv").unlink()
    (folder / "big.bin").unlink()
    runs = {"clean": cleaned.run, "summarise": summary.run, "big": large.run, "fail": failed}
    return World(folder, runs)


def _mean(table):
    lines = Path(table).read_text(encoding="utf-8").splitlines()[1:]
    return {"summary": {"lines": len(lines), "shape": (1, 2), "mean": float("nan")}}


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    def rows(self):
        """Take a table apart: a dict for each line, by the names of the columns."""
        head, *rest = [line.split("\t") for line in self.lines]
        return [dict(zip(head, line, strict=True)) for line in rest]


@pytest.fixture
def call(capsys):
    """Call the program within this process."""

    def call(*arguments):
        capsys.readouterr()
        code = run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def ask(world, call):
    """Call a verb about the world, and expect that it goes well."""

    def ask(*arguments):
        answer = call(*arguments, "--db-path", world.db_path)
        assert (answer.code, answer.err) == (0, "")
        return answer

    return ask


@pytest.fixture
def start():
    """Start the program as a process of its own, as a shell would."""

    def start(*arguments, module="consist", **options):
        command = [sys.executable, "-m", module, *map(str, arguments)]
        options.setdefault("env", {**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1])})
        return subprocess.run(command, capture_output=True, timeout=120, check=False, **options)

    return start


@pytest.fixture
def as_reader():
    """Start the program as who may only read a store, without the rights that root has over permissions."""

    def as_reader(store, *arguments):
        command = [sys.executable, "-m", "consist", *map(str, arguments)]
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                pytest.skip("root may do anything, and there is no setpriv")
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
        environment = {**os.environ, "PYTHONPATH": str(Path(consist.__file__).parents[1])}
        folders = {path: path.stat().st_mode for path in [store, *store.rglob("*")] if path.is_dir()}
        for path in folders:
            path.chmod(0o500)
        try:
            return subprocess.run(command, capture_output=True, check=False, timeout=120, env=environment)
        finally:
            for path, mode in folders.items():
                path.chmod(mode)

    return as_reader


class Terminal:
    """A terminal of our own, and what came there."""

    def __init__(self):
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.text = b""

    def read_until(self, wanted, *, timeout=60):
        while wanted not in self.text:
            assert select.select([self._ours], [], [], timeout)[0], self.text
            self.text += os.read(self._ours, 65536)

    def go_away(self):
        """Close our side, as a window that is closed does: whoever writes to the other one gets an error."""
        os.close(self._ours)

    def read_to_end(self):
        """Read until nobody has the other side open."""
        os.close(self.theirs)
        with contextlib.suppress(OSError):  # Linux says so when the other side is closed
            while piece := os.read(self._ours, 65536):
                self.text += piece
        os.close(self._ours)
        return self.text


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


@pytest.fixture
def begin(terminal):
    """Begin the program with the terminal as its standard error."""

    def begin(*arguments, stdin=subprocess.DEVNULL, stdout):
        command = [sys.executable, "-m", "consist", *map(str, arguments)]
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=terminal.theirs)

    return begin


@pytest.fixture
def told(monkeypatch):
    """Listen to what verbs tell, as if somebody looked."""
    heard = {}

    @contextlib.contextmanager
    def listen(label, *, total=None, unit=progress.BYTES, shown=True):
        counts = []
        try:
            yield counts.append
        finally:
            if shown:
                heard[label.partition(" ")[0]] = (total, sum(counts), unit.say(2))

    monkeypatch.setattr(progress, "progress", listen)
    monkeypatch.setattr(progress, "is_shown", lambda: True)
    return heard
