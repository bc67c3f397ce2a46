"""Whatever is typed, the program ends in a code of its table, with a few lines of complaint and no traceback."""

import contextlib
import shutil
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consist.cli.app import VERBS
from consist.cli.codes import BUG, MEANINGS
from consist.index.records import encode_record

_WRITING = {"put", "export", "get", "index", "forget"}
_LEFT_OUT = _WRITING | {"exec"}  # which runs whatever program it is given

_OPTIONS = [
    *("--json", "--limit", "--step", "--status", "--tag", "--filter", "--sort", "--as", "--rows", "--depth", "--down"),
    *("--both", "--dot", "--mermaid", "--raw", "-l", "-h", "--human", "--reason", "--since", "--parent", "--format"),
    *("--key", "--run", "--name", "--read-data", "--read-data=2", "--", "-", "--help", "--no-write", "--bogus", "-x"),
]
_WORDS = st.one_of(
    st.sampled_from(
        [*_OPTIONS, "steps/clean/table", "steps/big/value", "runs", "blobs", "steps", "1", "-1", "0", "size>1"]
    ),
    st.text(max_size=20).filter(lambda text: "\0" not in text),
    st.from_regex(r"(runs|steps|blobs)(/[^\0]{0,6}){0,4}", fullmatch=True),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(sorted(VERBS.keys() - _LEFT_OUT)), words=st.lists(_WORDS, max_size=4))
@example(verb="ls", words=["blobs/\udcff"])
@example(verb="show", words=["consist://"])
@example(verb="cat", words=["steps/clean/table", "--as", "csv"])
@example(verb="runs", words=["--limit", "99999999999999999999"])
@example(verb="runs", words=["--since", "0001-01-01"])
@example(verb="ls", words=["runs", "--limit", "99999999999999999999"])
@example(verb="lineage", words=["\ud800"])
@example(verb="tag", words=["steps/clean/table", "\ud800"])
@example(verb="search", words=["\ud800=1"])
@example(verb="preview", words=["steps/big/value", "--rows", "99999999999999999999"])
def test_any_arguments_end_in_order(world, call, verb, words):
    answer = call(verb, *words, "--db-path", world.db_path) if "--" not in words else call(verb, *words)
    assert answer.code in MEANINGS.keys() - {BUG}, answer
    assert "Traceback" not in answer.err
    assert all(letter.isprintable() or letter in "\t\n" for letter in answer.err)


_TARGETS = [
    *("target", "folder", "folder/", "folder/new", "keep", "link", "./new", ".", "", "gone/new"),
    *("steps/clean/table", "steps/clean/note", "steps/big/value", "steps/put/keep", "runs", "blobs", "steps/nobody/x"),
    *("parquet", "rebuild", "clean", "-", "--", "1", "0"),
    *("--to", "--force", "--name", "--create", "--sharing", "group", "--follow-symlinks", "--yes", "--dry-run"),
    *("--reason", "--json", "--store", "--help", "--bogus"),
]
_WRITTEN = st.one_of(
    st.sampled_from(_TARGETS),
    st.text(max_size=20).filter(lambda text: not {"\0", "/"} & set(text) and text != ".."),
)


def contents(folder, *, but=()):
    """Return what lies in a folder and its folders: kind, mode, and the bytes of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not any(path.is_relative_to(each) for each in but):
            about = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            found[path] = (about.st_mode, data)
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(sorted(_WRITING)), words=st.lists(_WRITTEN, max_size=5))
@example(verb="get", words=["steps/clean/table", "link", "--force"])
@example(verb="get", words=["steps/clean/table", "keep"])
@example(verb="get", words=["steps/clean/table", "steps/clean/note", "--to", "folder"])
@example(verb="get", words=["steps/clean/table", "gone/new"])
@example(verb="put", words=["folder", "--follow-symlinks"])
@example(verb="put", words=["link", "--name", "\ud800"])
@example(verb="put", words=["keep", "--create", "--store", "other"])
@example(verb="export", words=["parquet", "keep", "--force"])
@example(verb="export", words=["parquet", "folder"])
@example(verb="index", words=["rebuild"])
@example(verb="forget", words=["steps/clean/table", "--yes", "--reason", "\ud800"])
def test_any_arguments_of_verbs_that_write_end_in_order_and_change_nothing_elsewhere(world, call, verb, words):
    """What they make lies where they are called, and what is there already stays, but for what --force is about."""
    here = world.folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    (here / "folder").mkdir(parents=True)
    for name in ("keep", "folder/keep"):
        (here / name).write_bytes(b"kept")
    (world.folder / "outside").write_bytes(b"outside")
    (here / "link").symlink_to("../outside")
    own = (here, world.store, world.db_path, Path(f"{world.db_path}-lock"))
    elsewhere, before = contents(world.folder.parent, but=own), contents(here)
    with contextlib.chdir(here):
        answer = call(verb, *words, "--db-path", world.db_path) if "--" not in words else call(verb, *words)
    assert answer.code in MEANINGS.keys() - {BUG}, answer
    assert "Traceback" not in answer.err
    assert all(letter.isprintable() or letter in "\t\n" for letter in answer.err)
    assert contents(world.folder.parent, but=own) == elsewhere
    if "--force" not in words:
        assert contents(here).items() >= before.items()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(max_size=12).filter(lambda text: "\0" not in text and text != "exec"), max_size=4))
def test_any_words_end_in_order(world, call, words):
    answer = call(*words)
    assert answer.code in MEANINGS.keys() - {BUG}, answer


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
@example(text="store = 1\n")
@example(text="[storage_options]\nkey = 1\n")
@example(text='db_path = "\\u0000"\n')
@example(text='store = "s3://"\n')
def test_any_settings_file_ends_in_order(world, call, text):
    (world.folder / "consist.toml").write_text(text, encoding="utf-8", errors="replace")
    for verb in (("runs",), ("doctor", "--no-write")):
        answer = call(*verb)
        assert answer.code in MEANINGS.keys() - {BUG}, answer
    (world.folder / "consist.toml").unlink()


def test_records_cut_anywhere_are_passed_over_by_every_list(world, call, ask):
    store = world.open()
    record = store.index.get_run(world.runs["clean"].id)
    framed = encode_record(record)
    for length in range(0, len(framed), max(1, len(framed) // 12)):
        store.index._bound.write(lambda view, length=length: view.put("results", record.signature.raw, framed[:length]))
        for verb in (
            *(("runs",), ("artifacts",), ("search", "note"), ("summary",), ("du",), ("scenarios",), ("ls", "runs")),
            *(("show", record.id), ("lineage", record.id), ("cat", f"runs/{record.id}/note"), ("ls", "steps/clean")),
        ):
            answer = call(*verb, "--db-path", world.db_path)
            assert answer.code in {0, 1, 3}, (verb, answer)
            assert record.id not in answer.out or verb in {("show", record.id), ("lineage", record.id), ("ls", "runs")}
    assert call("index", "rebuild", "--db-path", world.db_path).code == 0
    assert record.id in ask("runs").out
