"""The tree as a value and as bytes: what docs/format.md says and nothing else."""

import msgpack
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from consist.blobs.tree import Tree, TreeFile, check_path, decode_tree, encode_tree, make_tree
from consist.errors import DamagedError, FormatError, UsageError
from consist.hashing.digest import Digest


def raw(data=b"x"):
    return blake3(data).digest()


def file(path, data=b"x", *, executable=False):
    return TreeFile(path, len(data), executable, Digest(raw(data)))


def entry(path, size=1, executable=False, digest=None):
    return [path, size, executable, raw() if digest is None else digest]


def folder(path):
    return [path, 0, False, None]


def packed(*entries):
    return msgpack.packb([0, list(entries)], use_bin_type=True)


def test_the_bytes_are_those_of_the_format():
    tree = make_tree(
        [file("b/run.sh", b"#!", executable=True), file("a.txt"), file("b-1"), file("é/ü", b"")],
        empty=["none", "b/e/f"],
    )
    assert encode_tree(tree) == packed(
        entry("a.txt"),
        entry("b-1"),
        folder("b/e/f/"),
        entry("b/run.sh", 2, True, raw(b"#!")),
        folder("none/"),
        entry("é/ü", 0, False, raw(b"")),
    )
    assert decode_tree(encode_tree(tree)) == tree
    assert tree.total == 4


def test_a_recorded_tree_keeps_its_digest():
    tree = make_tree([file("a.txt", b"content"), file("bin/run", b"", executable=True)], empty=["logs"])
    golden = "8f0d4372f17bd5f449d6f811f01808d56d0f0c1724d0c3313798f70a0ca336f8"
    assert blake3(encode_tree(tree)).hexdigest() == golden


def test_an_empty_folder_is_a_tree():
    assert encode_tree(make_tree([])) == b"\x92\x00\x90"
    assert decode_tree(b"\x92\x00\x90") == Tree(())


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "an empty part"),
        ("/a", "absolute"),
        ("a//b", "an empty part"),
        ("a/", "an empty part"),
        (".", "the part '.'"),
        ("..", "the part '..'"),
        ("a/./b", "the part '.'"),
        ("a/../../b", "the part '..'"),
        ("../a", "the part '..'"),
        ("a/..", "the part '..'"),
        ("a\\b", "a backslash"),
        ("..\\a", "a backslash"),
        ("C:a", "a drive"),
        ("c:/a", "a drive"),
        ("a\0b", "a control character"),
        ("a\nb", "a control character"),
        ("a/\x1b[2J", "a control character"),
        ("\x7f", "a control character"),
        ("a\x85b", "a control character"),
        ("caf\udce9", "not UTF-8"),
        ("e\u0301", "composed form"),
        ("a" * 256, "longer than"),
        ("é" * 128, "longer than"),
        ("a/" * 2048 + "a", "longer than"),
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused_when_made_and_when_read(path, why):
    with pytest.raises(UsageError, match=why):
        check_path(path)
    with pytest.raises(UsageError, match=why):
        make_tree([file(path)])
    with pytest.raises(UsageError, match=why):
        make_tree([], [path])
    data = msgpack.packb([0, [entry(path)]], unicode_errors="surrogatepass")
    with pytest.raises(DamagedError):
        decode_tree(data)
    if path and not path.endswith("/"):
        with pytest.raises(DamagedError):
            decode_tree(msgpack.packb([0, [folder(f"{path}/")]], unicode_errors="surrogatepass"))


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a b/c d",
        "...",
        "..a",
        "a..",
        ".hidden/x",
        "x/a:b",
        "ab:c",
        "é/ü",
        "a" * 255,
        "日本/データ",
        "a/" * 2047 + "b",
    ],
)
def test_an_ordinary_path_is_none_of_these(path):
    assert decode_tree(encode_tree(make_tree([file(path)]))).files[0].path == path


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([entry("b"), entry("a")], "out of order"),
        ([entry("a"), entry("a")], "there twice"),
        ([folder("a/"), folder("a/")], "there twice"),
        ([entry("a"), entry("a/b")], "a file and a folder"),
        ([entry("a"), entry("a-b"), entry("a/b/c")], "a file and a folder"),
        ([entry("a"), folder("a/")], "a file and a folder"),
        ([entry("a"), folder("a/b/")], "a file and a folder"),
        ([folder("a/"), entry("a/b")], "is empty and is not"),
        ([folder("a/"), folder("a/b/")], "is empty and is not"),
        ([folder("a/"), folder("a./")], "not in order"),
        ([entry("b"), folder("a/")], "not in order"),
        ([["a", 1, False]], "no tree"),
        ([[*entry("a"), 1]], "no tree"),
        ([["a", -1, False, raw()]], "another type"),
        ([["a", 1 << 63, False, raw()]], "another type"),
        ([["a", 1.0, False, raw()]], "another type"),
        ([["a", True, False, raw()]], "another type"),
        ([["a", 1, 0, raw()]], "another type"),
        ([["a", 1, False, None]], "no tree"),
        ([["a", 1, False, raw()[1:]]], "no tree"),
        ([["a", 1, False, raw().hex()]], "no tree"),
        ([[b"a", 1, False, raw()]], "bytes, not text"),
        ([["a/", 1, False, None]], "only files have"),
        ([["a/", 0, True, None]], "only files have"),
        ([["a/", 0, False, raw()]], "only files have"),
        ([["a/", False, False, None]], "no tree"),
        (["abcd"], "no tree"),
        ([7], "no tree"),
        ([None], "no tree"),
    ],
)
def test_bytes_that_no_writer_makes_are_refused(entries, why):
    with pytest.raises(DamagedError, match=why):
        decode_tree(packed(*entries))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x90",
        b"\xc0",
        b"\x92\x00\xc0",
        b"\x91\x00",
        b"\x93\x00\x90\xc0",
        b"\x92\x00\x80",
        b"\x92\xc2\x90",  # the version is false, not 0
        b"\x92\x00\xdc\x00\x00",  # an empty list in more bytes than it needs
        b"\x92\x00\x90\x00",
        b"not msgpack at all",
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(DamagedError):
        decode_tree(data)


def test_a_newer_tree_is_not_guessed_at():
    with pytest.raises(FormatError, match="version 1"):
        decode_tree(msgpack.packb([1, []]))


def test_find_goes_by_whole_names():
    tree = make_tree(
        [file("a"), file("ab/c"), file("ab-d"), file("ab/e/f", b"ff"), file("ab0")], empty=["ab/none", "ab/x/y"]
    )
    assert tree.find("ab/c") == file("ab/c")
    assert tree.find("ab/e") == make_tree([file("f", b"ff")])
    assert tree.find("ab") == make_tree([file("c"), file("e/f", b"ff")], ["none", "x/y"])
    assert tree.find("ab/none") == make_tree([])
    assert tree.find("ab/x") == make_tree([], ["y"])
    for nothing in ("b", "ab/", "ab/c/d", "a/b", "..", "ab/../a", "", "/", "AB"):
        assert tree.find(nothing) is None, nothing


def test_children_are_what_lies_at_the_top():
    tree = make_tree([file("b/c", b"cc"), file("b/d/e"), file("a"), file("b-d")], empty=["b/e", "z", "y/x"])
    assert tree.children() == [
        ("a", 1, file("a")),
        ("b", 3, None),
        ("b-d", 1, file("b-d")),
        ("y", 0, None),
        ("z", 0, None),
    ]


NAMES = st.text(st.sampled_from("ab-.0/é日"), min_size=1, max_size=6)


@given(st.dictionaries(NAMES, st.binary(max_size=3)), st.sets(NAMES))
def test_whatever_can_be_made_reads_back_and_has_one_encoding(files, empty):
    try:
        tree = make_tree([file(path, data) for path, data in files.items()], empty)
    except UsageError:
        return
    data = encode_tree(tree)
    assert decode_tree(data) == tree
    paths = [path.encode() for path, *_ in msgpack.unpackb(data)[1]]
    assert paths == sorted(paths)
    assert set(paths) == {path.encode() for path in files} | {f"{path}/".encode() for path in empty}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tree_or_damaged(data):
    try:
        tree = decode_tree(b"\x92\x00" + data)
    except DamagedError:
        return
    assert encode_tree(tree) == b"\x92\x00" + data
