"""A store that does not answer, or is gone: exit code and one line, whichever verb asks for it."""

import shutil
import signal
import socket
import threading

import pytest

from consist.store.offline import keep_config

INDEX_ONLY = ("runs", "show", "why", "diff", "ls", "artifacts", "lineage", "scenarios", "search", "summary")


def arguments(world, verb):
    run, other = world.runs["clean"].id, world.runs["big"].id
    return {
        "show": (run,),
        "why": (run,),
        "diff": (run, other),
        "lineage": (run,),
        "search": ("clean",),
        "cat": ("steps/big/value",),
        "get": ("steps/big/value", "restored"),
        "preview": ("steps/big/value",),
        "put": (__file__,),
        "tag": (run, "late"),
        "untag": (run, "first"),
        "pin": (run,),
        "unpin": (run,),
        "forget": (run, "--yes"),
        "index": ("rebuild",),
        "export": ("parquet", "tables"),
    }.get(verb, ())


VERBS = (
    *INDEX_ONLY,
    *("cat", "get", "preview", "put", "tag", "untag", "pin", "unpin", "forget", "du", "verify", "index", "export"),
)


@pytest.fixture
def closed(world, tmp_path, monkeypatch):
    """Name a store on a port of this machine at which nobody listens."""
    monkeypatch.setenv("CONSIST_CACHE_DIR", str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (world.folder / "consist.toml").write_text(
        'store = "s3://bucket/team"\ndb_path = "provenance.duckdb"\n'
        f'[storage_options]\nendpoint_url = "http://127.0.0.1:{port}"\nkey = "a"\nsecret = "b"\n',
        encoding="utf-8",
    )
    return world


def lines_of(text):
    """Take standard error apart: what is warned of, and the error."""
    *warnings, error = text.splitlines()
    assert all(line.startswith("consist: warning: ") for line in warnings)
    return warnings, error


@pytest.mark.parametrize("verb", VERBS)
def test_a_store_that_does_not_answer_exits_4_whatever_is_asked(closed, call, verb):
    answer = call(verb, *arguments(closed, verb))
    assert (answer.code, answer.out) == (4, "")
    warnings, error = lines_of(answer.err)
    assert warnings == []
    assert error.startswith("consist: cannot get consist.json in s3://bucket/team: no answer")
    assert error.endswith("(start the server, or correct the endpoint)")
    assert not (closed.folder / "restored").exists()
    assert not (closed.folder / "tables").exists()


def test_of_a_store_that_is_known_only_what_it_must_be_asked_for_exits_4(closed, call):
    store = closed.open()
    store.index.remember_store("s3://bucket/team")
    keep_config(store.config)
    for verb in (*INDEX_ONLY, "export"):
        answer = call(verb, *arguments(closed, verb))
        assert (answer.code, answer.err) == (0, ""), verb
    for verb in ("cat", "get", "preview", "put", "tag", "untag", "pin", "forget", "du", "verify", "index", "ls blobs"):
        answer = call(*verb.split(), *arguments(closed, verb))
        assert answer.code == 4, verb
        _, error = lines_of(answer.err)
        assert error.endswith("(start the server, or correct the endpoint)"), verb
    assert not (closed.folder / "restored").exists()


def test_nothing_watches_for_ctrl_c_once_a_verb_is_done(closed, call):
    before = threading.enumerate()
    assert call("runs").code == 4
    assert signal.set_wakeup_fd(-1) == -1
    for thread in threading.enumerate():
        if thread not in before and thread.name.startswith("consist-"):
            thread.join(60)
            assert not thread.is_alive()


def test_doctor_says_that_a_store_does_not_answer(closed, call):
    answer = call("doctor")
    assert (answer.code, answer.err) == (1, "")
    (reach,) = [row for row in answer.rows() if row["name"] == "reach"]
    assert (reach["level"], reach["advice"]) == ("problem", "start the server, or correct the endpoint")


def test_a_folder_that_is_gone_exits_3_and_is_not_made_again(world, call):
    world.let_go()
    shutil.rmtree(world.store)
    for verb in (*VERBS, "ls blobs"):
        place = ("--db-path", world.db_path)
        words = arguments(world, verb)
        answer = call(*verb.split(), *words, *place)
        assert (answer.code, answer.out) == (3, ""), verb
        hint = "check the place, or name where it was moved to; a Tracker makes a store"
        assert answer.err == f"consist: there is no store at {world.store} ({hint})\n"
    assert not world.store.exists()
