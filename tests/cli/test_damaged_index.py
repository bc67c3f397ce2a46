"""An index that is damaged on the disk: `doctor` finds it, `index rebuild` mends it, and nothing ends by a signal."""

import json
import random

import lmdb
import pytest

import consist
from consist.index.environment import Environment
from consist.testing.together import fork
from tests.harm import harmed

PAGE = 4096
JUNK = random.Random(42)  # noqa: S311 - bytes, not a secret
KINDS = {"zeros": bytes, "junk": JUNK.randbytes}


@pytest.fixture
def place(world):
    world.let_go()
    return "--db-path", world.db_path, "--store", world.store


def troubles(call, *place):
    """Return what the doctor says is wrong with the index, by check."""
    document = json.loads(call("doctor", "--json", "--no-write", *place).out)
    return {each["name"]: each for each in document["checks"] if each["area"] == "index" and each["level"] == "problem"}


def mend(call, *place):
    return call("index", "rebuild", *place).code


def works(world, call, *place):
    """Read all that is in the index, and write to it; tell whether all is as it should be."""
    listed = json.loads(call("runs", "--json", *place).out)["runs"]
    codes = {call(verb, run.id, *more, *place).code for run in world.runs.values() for verb, *more in WORK}
    with consist.Tracker(run_dir="runs", db_path=world.db_path, store=world.store) as tracker:
        made = tracker.run(pow, name="power", config={"base": 2, "exp": 5}).value
    known = {run.id for run in world.runs.values()}
    return known <= {each["run_id"] for each in listed} and (codes, made) == ({0}, 32)


WORK = (("show",), ("lineage",), ("tag", "again"))


def test_five_thousand_bytes_overwritten_are_found_and_mended(world, call, place):
    with world.db_path.open("r+b") as stream:
        stream.seek(8192)
        stream.write(JUNK.randbytes(5000))
    found = troubles(call, *place)
    assert set(found) == {"pages"}
    assert "is damaged" in found["pages"]["value"]
    assert "consist index rebuild --db-path" in found["pages"]["advice"]
    assert mend(call, *place) == 0
    assert troubles(call, *place) == {}
    assert works(world, call, *place)


def test_an_index_of_damaged_pages_is_not_asked_for_its_store(world, call, place):
    """LMDB would believe them, and take it for somebody else's database; or not notice."""
    whole, away = world.db_path.read_bytes(), world.folder / "away.lmdb"
    told = []
    for start in range(2 * PAGE, len(whole), PAGE):
        away.write_bytes(whole[: start + 16] + JUNK.randbytes(32) + whole[start + 48 :])
        if Environment(away).damage() is not None:
            answer = fork(lambda: call("doctor", "--json", "--no-write", "--db-path", away)).result()
            (trouble,) = [each for each in json.loads(answer.out)["checks"] if each["level"] == "problem"]
            told.append((trouble["area"], trouble["name"], f"the index {away} is damaged" in trouble["value"]))
            assert "--store PLACE" in trouble["advice"]
    assert set(told) == {("settings", "place", True)}


def test_a_value_that_does_not_match_its_check_is_found_and_mended(world, call, place):
    env = lmdb.open(str(world.db_path), subdir=False, max_dbs=32, lib_version=0)
    with env.begin(write=True) as txn:
        table = env.open_db(b"results", txn=txn, create=False)
        key, data = next(iter(txn.cursor(table)))
        txn.put(key, harmed(data), db=table)
    env.close()
    found = troubles(call, *place)
    assert {name: each["value"] for name, each in found.items()} == {"values": "damaged: 1 in the table results"}
    assert mend(call, *place) == 0
    assert troubles(call, *place) == {}
    assert works(world, call, *place)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_any_page_is_found_and_mended_or_does_not_matter(world, call, place, kind):
    """Each page in turn, in processes of their own: one that ends by a signal fails here."""
    whole = world.db_path.read_bytes()
    found = []
    for start in range(0, len(whole), PAGE):
        world.db_path.write_bytes(whole[:start] + KINDS[kind](PAGE) + whole[start + PAGE :])
        if fork(lambda: troubles(call, *place)).result():
            found.append(start // PAGE)
            assert fork(lambda: mend(call, *place)).result() == 0
            assert fork(lambda: troubles(call, *place)).result() == {}
        assert fork(lambda: works(world, call, *place)).result(), start
    assert found[:2] == [0, 1]
    assert len(found) > len(whole) // PAGE // 2
