"""`consist.exec` beside what ``tests/cli/test_exec.py`` sees of it: what a hit does to what lies at its outputs."""

import os
import subprocess
from pathlib import Path

import pytest

import consist
from consist import errors
from tests.harm import harmed

DRAW = ["sh", "-c", "mkdir -p plots; echo 1 > plots/a.txt; echo x >> calls"]


@pytest.fixture(autouse=True)
def _current(tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with consist.use_tracker(tracker):
        yield


def calls():
    return Path("calls").read_text().count("x")


def test_a_hit_deletes_no_file_that_is_not_the_commands():
    consist.exec(DRAW, outputs=["plots"])
    Path("plots/diary.txt").write_text("dear diary")
    Path("plots/a.txt").write_text("edited since")
    with pytest.raises(errors.RefusedError, match=r"plots/diary\.txt is not the output's, and would be lost"):
        consist.exec(DRAW, outputs=["plots"])
    assert Path("plots/diary.txt").read_text() == "dear diary"
    Path("plots/diary.txt").unlink()
    assert consist.exec(DRAW, outputs=["plots"]).cache_hit
    assert (Path("plots/a.txt").read_text(), calls()) == ("1\n", 1)


def test_a_folder_that_is_as_it_was_is_not_touched():
    consist.exec(DRAW, outputs=["plots"])
    before = Path("plots/a.txt").stat().st_ino, Path("plots").stat().st_ino
    assert consist.exec(DRAW, outputs=["plots"]).cache_hit
    assert (Path("plots/a.txt").stat().st_ino, Path("plots").stat().st_ino) == before


def test_a_failure_has_the_end_of_what_was_printed():
    with pytest.raises(subprocess.CalledProcessError) as raised:
        consist.exec(["sh", "-c", "head -c 3000 /dev/zero >&2; printf end >&2; exit 3"])
    assert raised.value.stderr == bytes(1997) + b"end"
    with pytest.raises(subprocess.CalledProcessError) as raised:
        consist.exec(["sh", "-c", "printf short >&2; exit 3"])
    assert raised.value.stderr == b"short"


def test_a_lost_executable_bit_comes_back():
    make = ["sh", "-c", "echo true > tool; chmod 755 tool"]
    consist.exec(make, outputs=["tool"])
    Path("tool").chmod(0o644)
    assert consist.exec(make, outputs=["tool"]).cache_hit
    assert os.access("tool", os.X_OK)


def test_damage_that_a_hit_comes_upon_makes_it_a_miss(tracker):
    make = ["sh", "-c", "head -c 9000 /dev/zero > out; echo x >> calls"]
    digest = consist.exec(make, outputs=["out"]).outputs["out"].digest.hex
    blob = Path(tracker.store_url, "blobs", digest[:2], digest[2:])
    content = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(harmed(content))
    Path("out").unlink()
    with pytest.warns(errors.DamagedWarning, match="it is computed again"):
        assert not consist.exec(make, outputs=["out"]).cache_hit
    Path("out").unlink()
    assert consist.exec(make, outputs=["out"]).cache_hit
    assert (Path("out").read_bytes(), calls()) == (bytes(9000), 2)


@pytest.mark.parametrize("named", ["plots/a.txt", "--to=plots/a.txt", "link/a.txt"])
def test_an_argument_may_name_a_file_in_a_folder_that_is_an_output(named):
    Path("link").symlink_to("plots")
    Path("draw.sh").write_text('mkdir -p plots; echo x >> calls; echo 1 > "${1#--to=}"\n')
    hits = [consist.exec(["sh", "draw.sh", named], outputs=["plots"]).cache_hit for _ in range(2)]
    assert (hits, calls()) == ([False, True], 1)


def test_a_script_beside_an_output_counts_also_where_their_names_begin_alike():
    Path("plots.sh").write_text("mkdir -p plots; echo 1 > plots/a.txt; echo x >> calls\n")
    consist.exec(["sh", "plots.sh"], outputs=["plots"])
    Path("plots.sh").write_text("echo 2 > plots/a.txt; echo x >> calls\n")
    assert not consist.exec(["sh", "plots.sh"], outputs=["plots"]).cache_hit
