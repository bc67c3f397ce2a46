"""`verify --read-data[=SHARE]`: an option whose value may be left out."""

import json
import random

import pytest

from consist.store.put import put


@pytest.fixture
def spoilt(world):
    """Change the bytes of 40 blobs, which only reading finds; return their keys."""
    import io

    store = world.open()
    noise = random.Random(5)  # noqa: S311 - bytes that differ
    for number in range(40):
        put(store, io.BytesIO(noise.randbytes(5000)), f"file-{number}", machine={})
    paths = [path for path in (world.store / "blobs").rglob("*") if path.is_file()]
    for path in paths:
        path.chmod(0o600)
        path.write_bytes(b"\x00" * path.stat().st_size)
    world.let_go()
    return {str(path.relative_to(world.store)) for path in paths}


def findings(answer):
    return {finding["key"] for finding in json.loads(answer.out)["findings"]}


@pytest.mark.parametrize("share", ["--read-data", "--read-data=100%", "--read-data=1", "--read-data=1.0"])
def test_all_is_read(world, call, spoilt, share):
    answer = call("verify", share, "--json", "--db-path", world.db_path)
    assert answer.code == 1
    assert findings(answer) == spoilt
    assert json.loads(answer.out)["read_data"] == 1


@pytest.mark.parametrize("share", [(), ("--read-data=0",), ("--read-data=0%",)])
def test_nothing_is_read(world, call, spoilt, share):
    answer = call("verify", *share, "--json", "--db-path", world.db_path)
    assert (answer.code, findings(answer)) == (0, set())
    assert json.loads(answer.out)["read_data"] == 0


@pytest.mark.parametrize("share", ["--read-data=50%", "--read-data=0.5", "--read-data=.5"])
def test_a_sample_is_read_and_another_one_the_next_time(world, call, spoilt, share):
    samples = []
    for _ in range(3):
        answer = call("verify", share, "--json", "--db-path", world.db_path)
        assert answer.code == 1
        assert json.loads(answer.out)["read_data"] == 0.5
        samples.append(frozenset(findings(answer)))
    # What was found is suspected, and so read again: the samples grow. All of 40 at first: once in 10^12.
    assert samples[0] < spoilt
    assert samples[0] < samples[2]
    assert samples[0] <= samples[1] <= samples[2] <= spoilt


def test_the_text_says_how_much_was_read(world, ask):
    assert ", 12.5% of the content read: no problem found" in ask("verify", "--read-data=12.5%").out
    assert "read" not in ask("verify", "--read-data").out


@pytest.mark.parametrize("share", ["", "x", "%", "-1%", "101%", "1.1", "nan", "inf", "10%%", "1e9"])
def test_what_is_no_share_is_named_and_nothing_is_done(world, call, share):
    answer = call("verify", f"--read-data={share}", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert f"--read-data={share!r}" in answer.err
    assert "--read-data=10%" in answer.err


def test_a_share_is_part_of_the_word(world, call):
    answer = call("verify", "--read-data", "10%", "--db-path", world.db_path)
    assert answer.code == 2
    assert "10%" in answer.err


def test_the_help_shows_it_as_it_is_typed(call):
    assert "--read-data[=SHARE]" in call("verify", "--help").out
