"""Typed names: the grammar of paths, and prefixes that name one thing or say why not."""

from __future__ import annotations

import pytest

from consist import errors
from consist.store.names import StorePath, find_output, find_run, open_found, parse_path
from consist.store.publish import keep, publish


@pytest.fixture
def runs(store, by_hand):
    """Three runs whose ids share beginnings; the newest of the step failed to make the output `out`."""
    made = []
    for run_id, start, step in (("aaaa", 30, "clean"), ("aabb", 20, "clean"), ("bbbb", 10, "plot")):
        record = by_hand.record(
            store,
            id=run_id.ljust(20, "0"),
            signature=by_hand.signature(run_id),
            content=run_id.encode() * 2000,
            step=step,
            started=start,
        )
        publish(store, record)
        made.append(record)
    keep(store, by_hand.record(id="f" * 20, step="clean", status="failed", outputs=(), started=99))
    return made


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", ("", "", "")),
        ("/", ("", "", "")),
        ("consist://", ("", "", "")),
        ("blobs", ("blobs", "", "")),
        ("blobs/", ("blobs", "", "")),
        ("blobs/abc", ("blobs", "abc", "")),
        ("/runs/abc/out", ("runs", "abc", "out")),
        ("consist://runs/abc/out/", ("runs", "abc", "out")),
        ("steps/clean", ("steps", "clean", "")),
        ("steps/two words/out put", ("steps", "two words", "out put")),
        ("runs/a/b/c", ("runs", "a", "b", "c")),
        ("consist://steps/a/b/c/d.e/f/", ("steps", "a", "b", "c/d.e/f")),
        ("steps/a/b/../e\u0301", ("steps", "a", "b", "../\xe9")),
    ],
)
def test_paths_of_the_grammar(path, place):
    assert parse_path(path) == StorePath(*place)


@pytest.mark.parametrize(
    "path",
    [
        "blob/abc",
        "Runs/abc",
        "runs//out",
        "//runs",
        "runs/abc//",
        "runs/a//b",
        "blobs/abc/def",
        "s3://bucket/key",
        "../runs/a/b",
        "consist://consist://runs",
        "runs\\abc",
    ],
)
def test_no_paths_of_the_grammar(path):
    with pytest.raises(errors.UsageError, match="no path of a store"):
        parse_path(path)


def test_dots_are_names_like_any_other(store, runs):
    for path in ("runs/../out", "steps/../out", "steps/./out"):
        with pytest.raises(errors.NotFoundError):
            find_output(store, path)


@pytest.mark.parametrize(("prefix", "number"), [("aaaa" + "0" * 16, 0), ("aaa", 0), ("aab", 1), ("b", 2)])
def test_a_run_by_its_unique_beginning(store, runs, prefix, number):
    assert find_run(store, prefix) == runs[number]


@pytest.mark.parametrize("prefix", ["a", "aa"])
def test_an_ambiguous_beginning_names_some(store, runs, prefix):
    with pytest.raises(errors.AmbiguousPrefixError, match=f"'{prefix}' begins the ids of several runs: aaaa0+, aabb0+"):
        find_run(store, prefix)


@pytest.mark.parametrize("prefix", ["", "c", "AAAA", "aaaa" + "0" * 17, "zz", "ä", "a/b", "\x00"])
def test_what_begins_no_run(store, runs, prefix):
    with pytest.raises(errors.RunNotFoundError, match="no run has an id that begins with"):
        find_run(store, prefix)


def test_a_whole_id_counts_before_longer_ones(store, by_hand):
    """Ids are of one length, so that no whole id can begin another; a typed whole id is always one run."""
    for run_id in ("1" * 20, "1" * 19 + "2"):
        keep(store, by_hand.record(store, id=run_id))
    assert find_run(store, "1" * 20).id == "1" * 20


def content(store, path) -> bytes:
    with open_found(store, find_output(store, path)) as stream:
        return stream.read()


def test_an_output_of_a_run(store, runs):
    found = find_output(store, "runs/aab/out")
    assert (found.run, found.record, found.name) == (runs[1], runs[1].outputs[0], "out")
    assert content(store, "runs/aab/out") == b"aabb" * 2000


def test_the_newest_completed_run_of_a_step(store, runs):
    assert content(store, "steps/clean/out") == b"aaaa" * 2000
    assert content(store, "steps/plot/out") == b"bbbb" * 2000


def test_the_newest_run_that_has_the_output(store, runs, by_hand):
    from dataclasses import replace

    newer = by_hand.record(store, step="clean", started=500, signature=by_hand.signature("newer"))
    publish(store, replace(newer, outputs=(replace(newer.outputs[0], key="other"),)))
    assert content(store, "steps/clean/out") == b"aaaa" * 2000
    assert content(store, "steps/clean/other") == b"content " * 1000


def test_a_blob_by_its_unique_beginning(store, runs):
    for run in runs:
        digest = run.outputs[0].digest
        whole = digest.raw.hex()
        for length in (64, 20, 12):
            found = find_output(store, f"blobs/{whole[:length]}")
            assert (found.digest, found.size, found.name, found.run) == (digest, 8000, whole, None)
        assert content(store, f"blobs/blake3:{whole}") == run.id[:4].encode() * 2000


def test_every_beginning_of_a_digest_is_told_apart(store, by_hand):
    """With 40 blobs and 40 inline outputs there are beginnings of one and two digits that several share."""
    digests = []
    for number in range(40):
        store.blobs.put_bytes(b"blob %d" % number)
        small = by_hand.record(inline=b"inline %d" % number, signature=by_hand.signature(str(number)))
        publish(store, small)
        digests += [by_hand.digest(b"blob %d" % number).raw.hex(), by_hand.digest(b"inline %d" % number).raw.hex()]
    shared = 0
    for digest in digests:
        for length in (1, 2, 3, 4, 64):
            matches = {other for other in digests if other.startswith(digest[:length])}
            shared += len(matches) > 1
            if len(matches) == 1:
                assert find_output(store, f"blobs/{digest[:length]}").digest.raw.hex() == digest
            else:
                with pytest.raises(errors.AmbiguousPrefixError, match="begins the digests of several blobs"):
                    find_output(store, f"blobs/{digest[:length]}")
    assert shared > 40


def test_inline_content_is_found_by_its_digest(store, by_hand):
    publish(store, by_hand.record(inline=b"small", signature=by_hand.signature()))
    digest = by_hand.digest(b"small").raw.hex()
    assert not (by_hand.path(store, "blobs", by_hand.digest(b"small"))).exists()
    assert content(store, f"blobs/{digest[:10]}") == b"small"


def test_inline_content_is_checked(store, by_hand):
    from dataclasses import replace

    record = by_hand.record(inline=b"small", signature=by_hand.signature())
    publish(store, replace(record, outputs=(replace(record.outputs[0], inline=b"smell"),)))
    for path in (f"runs/{record.id}/out", f"blobs/{record.outputs[0].digest.raw.hex()}"):
        with pytest.raises(errors.DamagedError):
            content(store, path)


def test_the_file_name_of_a_file_output(store, by_hand):
    from dataclasses import replace

    record = by_hand.record(inline=b"small")
    keep(store, replace(record, outputs=(replace(record.outputs[0], media={"path": "/their/home/table.csv"}),)))
    assert find_output(store, f"runs/{record.id}/out").name == "table.csv"


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("", errors.UsageError, "names no output"),
        ("blobs", errors.UsageError, "names no output"),
        ("runs/aaaa", errors.UsageError, "names no output"),
        ("steps/clean", errors.UsageError, "names no output"),
        ("blobs/xyz", errors.UsageError, "not the beginning of a digest"),
        ("blobs/" + "0" * 64, errors.BlobNotFoundError, "no blob's digest begins with"),
        ("blobs/" + "0" * 65, errors.UsageError, "not the beginning of a digest"),
        ("runs/aaa/none", errors.RunNotFoundError, "has no output 'none' .its outputs: out"),
        ("runs/ffff/out", errors.RunNotFoundError, "has no output 'out' .its outputs: none"),
        ("runs/cc/out", errors.RunNotFoundError, "no run has an id"),
        ("runs/a/out", errors.AmbiguousPrefixError, "several runs"),
        ("steps/nosuch/out", errors.RunNotFoundError, "there is no step 'nosuch'"),
        ("steps/claen/out", errors.RunNotFoundError, "there is no step 'claen' .did you mean 'clean'"),
        ("steps/clean/uot", errors.RunNotFoundError, "has an output 'uot' .did you mean 'out'"),
        ("steps/clean/none", errors.RunNotFoundError, "no completed run of step 'clean' has an output 'none'"),
    ],
)
def test_what_names_nothing_says_so(store, runs, path, kind, message):
    with pytest.raises(kind, match=message):
        find_output(store, path)
