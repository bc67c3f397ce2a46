"""Whether an LMDB file is whole, and consist's: looked at before what is in it is used."""

from __future__ import annotations

import lmdb

from consist.errors import DamagedError, FormatError
from consist.index import filekind
from consist.index.filekind import REBUILD_HINT
from consist.index.schema import MAGIC, META_MAGIC, META_VERSION, VERSION


def problems(path: str) -> list[str]:
    """Check every page of a file that nobody writes to, without LMDB; return what is wrong, in words."""
    from lmdb.verify import VerifyError, verify  # rarely needed

    try:
        return list(verify(path, subdir=False))  # type: ignore[no-untyped-call]  # it has no annotations
    except VerifyError as error:
        return [str(error)]


def check_length(env: lmdb.Environment, path: str) -> None:
    """Refuse a file that was cut short: a look at a page beyond its end would end the process."""
    if not filekind.missing_bytes(path):
        return
    # With writers kept waiting, since pages that are being written are none. (To be read only it is opened by nobody
    # else, so there are no writers.)
    txn = None if env.flags()["readonly"] else env.begin(write=True)
    try:
        missing = filekind.missing_bytes(path)
        found = problems(path) if missing else []
    finally:
        if txn is not None:
            txn.abort()
    if found:
        raise DamagedError(
            f"the index {path} is damaged: it ends {missing:,} bytes early, and {found[0]}", hint=REBUILD_HINT
        )


def check_ours(env: lmdb.Environment, path: str) -> bool:
    """Tell whether an LMDB file is consist's; False if nothing is in it yet.

    Raises
    ------
    FormatError
        If it is somebody else's, or of a newer consist.
    """
    with env.begin() as txn:
        if txn.stat()["entries"] == 0:
            return False
        try:
            meta = env.open_db(b"meta", txn=txn, create=False)
            magic, version = txn.get(META_MAGIC, b"", meta), txn.get(META_VERSION, b"", meta)
        except (lmdb.NotFoundError, lmdb.IncompatibleError):
            magic, version = b"", b""
    if magic != MAGIC:
        raise FormatError(f"{path} is an LMDB database that consist did not make", hint=filekind.HINT)
    if not version:
        raise DamagedError(f"the index {path} is damaged: it has no version", hint=REBUILD_HINT)
    number = int.from_bytes(version, "big")
    if number > VERSION:
        raise FormatError(
            f"the index {path} is of version {number}; this consist knows up to {VERSION}",
            hint="upgrade consist, or choose another db_path: the index is made anew from the store",
        )
    return True
