"""``consist.json``: made once, whoever is first; refused if it is newer; an error if it is damaged."""

# ruff: noqa: PTH208 - names are compared as strings

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import blake3
import pytest

from consist import errors
from consist.blobs.local import LocalBackend
from consist.store import config as store_config
from consist.testing.together import in_processes, in_threads

GOOD = {
    "format": 0,
    "id": "0123456789abcdef" * 2,
    "hash": "blake3",
    "sharing": "private",
    "chunking": {"algorithm": "fastcdc-2020", "min": 65536, "average": 262144, "max": 1048576, "normalisation": 1},
}


def check_of(fields: dict) -> str:
    return blake3.blake3(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def put(root: Path, text: str | bytes) -> LocalBackend:
    root.mkdir(exist_ok=True)
    (root / "consist.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return LocalBackend(str(root))


def test_a_new_store_says_what_it_is(tmp_path):
    config, is_new, _ = store_config.load_or_create(LocalBackend(str(tmp_path / "s")))
    assert is_new
    written = json.loads((tmp_path / "s/consist.json").read_text())
    assert written == {**GOOD, "id": config.id, "check": check_of({**GOOD, "id": config.id})}
    assert re.fullmatch("[0-9a-f]{32}", config.id)
    assert (tmp_path / "s/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


def test_the_second_opening_reads_and_changes_nothing(tmp_path):
    backend = LocalBackend(str(tmp_path / "s"))
    config, *_ = store_config.load_or_create(backend)
    before = (tmp_path / "s/consist.json").read_bytes()
    assert store_config.load_or_create(backend, sharing="group") == (config, False, False)
    assert (tmp_path / "s/consist.json").read_bytes() == before


def test_of_a_folder_with_the_content_of_a_store_it_is_said_that_only_its_config_is_gone(tmp_path):
    backend = LocalBackend(str(tmp_path / "s"))
    assert "there is no store at" in store_config.no_store(backend).message
    first = store_config.load_or_create(backend)
    assert "there is no store at" in store_config.no_store(backend).message
    backend.put("runs/0123456789abcdef0123", b"a record")
    (tmp_path / "s/consist.json").unlink()
    error = store_config.no_store(backend)
    assert error.message == f"there is no consist.json in {tmp_path}/s, which has the content of a store"
    assert "restore it" in error.hint
    assert "consist index rebuild" in error.hint
    second = store_config.load_or_create(backend)
    assert [each[1:] for each in (first, second)] == [(True, False), (True, True)]


def test_two_stores_have_two_ids(tmp_path):
    ids = {store_config.load_or_create(LocalBackend(str(tmp_path / name)))[0].id for name in "abcdef"}
    assert len(ids) == 6


@pytest.mark.parametrize("together", [in_processes, in_threads])
def test_of_many_that_make_a_store_at_once_one_does(tmp_path, together):
    for number in range(10):
        root = str(tmp_path / str(number))
        answers = together([lambda root=root: store_config.load_or_create(LocalBackend(root, durable=False))] * 6)
        assert len({config.id for config, *_ in answers}) == 1
        assert [is_new for _, is_new, _ in answers].count(True) == 1
        assert json.loads((Path(root) / "consist.json").read_text())["id"] == answers[0][0].id


def test_no_store_is_no_error_to_load(tmp_path):
    assert store_config.load(LocalBackend(str(tmp_path / "nothing"))) is None
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("more", [{}, {"sharding": {"of": "tomorrow"}}, {"hash": "blake4"}])
def test_a_newer_format_is_refused_and_left_alone(tmp_path, more):
    text = json.dumps({**GOOD, "format": 1, **more})
    backend = put(tmp_path / "s", text)
    with pytest.raises(errors.FormatError, match=r"consist\.json is of format 1; .*reads up to 0 \(upgrade consist\)"):
        store_config.load_or_create(backend)
    assert (tmp_path / "s/consist.json").read_text() == text
    assert os.listdir(tmp_path / "s") == ["consist.json"]


def test_a_newer_format_with_its_check_is_refused(tmp_path):
    fields = {**GOOD, "format": 8, "sharding": "of tomorrow"}
    backend = put(tmp_path / "s", json.dumps({**fields, "check": check_of(fields)}))
    with pytest.raises(errors.FormatError, match=r"is of format 8; .*upgrade consist"):
        store_config.load(backend)


def test_a_flipped_bit_is_damage_and_never_another_format(tmp_path):
    good, *_ = store_config.load_or_create(LocalBackend(str(tmp_path / "s")))
    data = (tmp_path / "s/consist.json").read_bytes()
    assert json.loads(data)["format"] == 0
    for position in range(len(data)):
        for bit in range(8):
            spoilt = bytearray(data)
            spoilt[position] ^= 1 << bit
            try:
                found = store_config.parse(bytes(spoilt), "it")
            except errors.DamagedError:
                continue
            assert found == good  # white space may become other white space


def test_another_hash_is_refused(tmp_path):
    with pytest.raises(errors.FormatError, match="names content by 'sha256'"):
        store_config.load(put(tmp_path / "s", json.dumps({**GOOD, "hash": "sha256"})))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"7",
        b'"format"',
        b"[" * 100_000,
        json.dumps(GOOD)[:-10].encode(),
        *(json.dumps({key: value for key, value in GOOD.items() if key != left_out}).encode() for left_out in GOOD),
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"format": "0"},
                {"format": -1},
                {"format": 0.5},
                {"format": True},
                {"id": 7},
                {"id": "0" * 31},
                {"id": "../" + "0" * 29},
                {"sharing": "world"},
                {"sharing": None},
                {"chunking": []},
                {"more": 1},
            )
        ),
    ],
)
def test_a_damaged_config_is_an_error_and_left_alone(tmp_path, text):
    backend = put(tmp_path / "s", text)
    with pytest.raises((errors.DamagedError, errors.FormatError), match=r"s/consist\.json "):
        store_config.load_or_create(backend)
    assert (tmp_path / "s/consist.json").read_bytes() == text


def test_a_store_opened_twice_keeps_its_sharing(make_store, tmp_path):
    old = os.umask(0o077)
    try:
        make_store("shared", sharing="group")
        again = make_store("shared", db="another.lmdb")
        assert again.config.sharing == "group"
        again.blobs.put_bytes(b"x" * 5000)
    finally:
        os.umask(old)
    folders = [path for path in (tmp_path / "shared").rglob("*") if path.is_dir()]
    assert folders
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o2770}


def test_a_private_store_is_its_owners_alone(make_store, tmp_path):
    make_store("mine").blobs.put_bytes(b"x" * 5000)
    folders = [tmp_path / "mine", *(path for path in (tmp_path / "mine").rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert stat.S_IMODE((tmp_path / "index.lmdb").stat().st_mode) == 0o600
