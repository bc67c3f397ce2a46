"""What somebody else wrote into a store: printed harmlessly, restored within the folder that was named."""

import dataclasses
import json

import pytest

from consist.hashing.hasher import hash_bytes
from consist.index.records import FAILED, ArtifactRecord, ContractRecord, InputRecord, RunRecord
from consist.store.publish import keep

RED = "\x1b[31m\x1b]0;owned\x07red\nnext\tcell\u202egnp.exe\x9b"
RUN = "c0ffee" + "0" * 14


@pytest.fixture
def hostile(world):
    content = b"content"
    digest = hash_bytes(content)
    outputs = (
        ArtifactRecord(RED, digest, len(content), "plain", content, {"path": f"/x/{RED}"}),
        ArtifactRecord("..", digest, len(content), "file", content, {"path": "/x/.."}),
        ArtifactRecord("up", digest, len(content), "file", content, {"path": "../../../up.txt"}),
        ArtifactRecord("back", digest, len(content), "file", content, {"path": "..\\..\\back"}),
        ArtifactRecord("rooted", digest, len(content), "file", content, {"path": "/"}),
        ArtifactRecord("../../x", digest, len(content), "file", content, {"path": 3}),
        ArtifactRecord("long" * 100, digest, len(content), "file", content, {"path": "long" * 100}),
        ArtifactRecord(LONG_IN_BYTES, digest, len(content), "file", content, {}),
        ArtifactRecord("odd", digest, len(content), "of-the-future", content, {}),
    )
    record = RunRecord(
        RUN,
        None,
        RED,
        FAILED,
        2**62,
        -(2**62),
        outputs=outputs,
        config={RED: RED, "deep": [[RED]]},
        tags=(RED,),
        description=RED,
        error=(RED, RED),
        notes=(RED,),
        facet={RED: float("nan")},
        machine={"host": RED},
        code={RED: digest},
        parts=dict.fromkeys(("code", "config", "inputs", "contract"), digest),
        config_parts={RED: digest, "deep": digest},
    )
    keep(world.open(), record)
    earlier = dataclasses.replace(
        record,
        id=RUN[:-1] + "1",
        started=0,
        inputs=(InputRecord(RED, RED, digest, 1, RED),),
        config={RED: {RED: RED * 2}, "deep": [[RED * 2]], "new": RED},
        parts=dict.fromkeys(("code", "config", "inputs", "contract"), hash_bytes(b"earlier")),
        config_parts=dict.fromkeys((RED, "deep", "new"), hash_bytes(b"earlier")),
        code={RED: hash_bytes(b"earlier"), f"numpy {RED}": digest, f"a:{RED} (used by {RED})": digest},
        contract=ContractRecord((RED,), (RED,), {RED: RED}),
    )
    keep(world.open(), earlier)
    return world


@pytest.mark.parametrize(
    "verb",
    [
        ("runs",),
        ("show", RUN),
        ("why", RUN),
        ("ls", "steps"),
        ("ls", f"runs/{RUN}"),
        ("ls", "-l", f"runs/{RUN}"),
        ("ls", "runs"),
        ("artifacts",),
        ("search", "owned"),
        ("diff", RUN, RUN[:-1] + "1"),
        ("lineage", RUN, "--both"),
        ("lineage", RUN, "--both", "--mermaid"),
        ("lineage", RUN, "--both", "--dot"),
        ("summary",),
        ("preview", f"runs/{RUN}/up"),
    ],
)
def test_whatever_steers_a_terminal_is_escaped(hostile, ask, verb):
    text = ask(*verb).out
    assert all(letter.isprintable() or letter in "\t\n" for letter in text)
    assert "red" in text or verb[0] in {"ls", "preview"}
    if verb[-1] in {"--mermaid", "--dot"}:
        return
    text = ask(*verb, "--json").out
    assert text.isascii()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    json.loads(text)


def test_a_record_stays_a_line(hostile, ask):
    row = ask("runs", "--limit", "1").rows()[0]
    assert row["run_id"] == RUN
    assert row["model"] == "\\x1b[31m\\x1b]0;owned\\x07red\\nnext\\tcell\\u202egnp.exe\\x9b"
    assert len(ask("ls", f"runs/{RUN}").lines) == 9


def test_errors_are_escaped_too(hostile, call):
    for arguments in (
        ("cat", f"runs/{RUN}/{RED}x"),
        ("ls", f"steps/{RED}x"),
        ("show", RED + "x"),
        ("why", RED + "x"),
        (RED,),
        ("get", RED),
    ):
        place = ("--db-path", hostile.db_path) if len(arguments) > 1 else ()
        answer = call(*arguments, *place)
        assert answer.code in {2, 3}
        assert answer.err.count("\n") == 1
        assert all(letter.isprintable() or letter == "\n" for letter in answer.err)


LONG_IN_BYTES = "ы" * 200  # a name of consist's, and twice as many bytes


@pytest.mark.parametrize("key", [RED, "..", "up", "back", "rooted", "long" * 100, LONG_IN_BYTES, "odd"])
def test_get_stays_within_its_folder_and_says_if_it_calls_it_otherwise(hostile, call, key):
    inside = hostile.folder / "a" / "b" / "c"
    inside.mkdir(parents=True)
    before = {path for path in hostile.folder.rglob("*") if path.is_file()}
    answer = call("get", f"runs/{RUN}/{key}", inside, "--db-path", hostile.db_path)
    assert answer.code == 0
    (made,) = {path for path in hostile.folder.rglob("*") if path.is_file()} - before
    assert made.parent == inside
    assert made.read_bytes() == b"content"
    assert made.name.isprintable()
    said = {"up": "", "odd": ""}.get(key, f"so it is called {made.name}\n")
    assert (answer.err.endswith(said) and answer.err.count("\n") == 1) if said else answer.err == ""
    if key == LONG_IN_BYTES:
        assert made.name == hash_bytes(b"content").hex


def test_a_key_that_is_a_path_cannot_be_named(hostile, call):
    answer = call("get", f"runs/{RUN}/../../x", "--db-path", hostile.db_path)
    assert answer.code == 3  # `..` is an output's key here; it is no folder, so nothing is in it
    assert not (hostile.folder.parent / "x").exists()


def test_a_format_of_the_future_is_given_as_its_bytes(hostile, ask):
    assert ask("cat", f"runs/{RUN}/odd").out == "content"


def test_inline_content_that_is_not_what_its_digest_says_is_not_given(world, call):
    lie = ArtifactRecord("lie", hash_bytes(b"truth"), 5, "file", b"lies!", {})
    keep(world.open(), RunRecord(RUN, None, "liar", "completed", 0, 1, outputs=(lie,)))
    for verb in (("cat", "steps/liar/lie"), ("get", "steps/liar/lie"), ("cat", f"blobs/{lie.digest.hex}")):
        answer = call(*verb, "--db-path", world.db_path)
        assert answer.code == 1
        assert "not what its digest" in answer.err
    assert not (world.folder / "lie").exists()
    assert call("verify", "--db-path", world.db_path).code == 1
