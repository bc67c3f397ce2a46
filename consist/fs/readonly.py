"""`ReadOnly`: everything by which fsspec would write, refused with the one answer to "how then?"."""

from __future__ import annotations

from typing import Any, NoReturn

from consist.errors import ReadOnlyError


def refuse(what: str) -> NoReturn:
    """Raise for an attempt to write.

    Raises
    ------
    ReadOnlyError
        Always.
    """
    raise ReadOnlyError(
        f"consist:// is read-only: {what} was refused",
        hint="outputs get into a store by running the step that makes them (Tracker.run), files by `consist put`",
    )


class ReadOnly:
    """A mixin for a filesystem: stands before fsspec's own methods, some of which do nothing without a word.

    Each takes whatever fsspec's does, and raises `ReadOnlyError`.
    """

    def mkdir(self, path: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"making a folder {path!r:.200}")

    makedirs = makedir = mkdirs = _mkdir = mkdir

    def touch(self, path: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"writing {path!r:.200}")

    pipe_file = write_text = write_bytes = touch

    def pipe(self, path: str | dict[str, bytes], *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"writing {path if isinstance(path, str) else list(path)!r:.200}")

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"writing {lpath!r:.200} to {rpath!r:.200}")

    put = upload = put_file

    def cp_file(self, path1: str, path2: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a copy within the store would be a write; `get` copies out of it."""
        refuse(f"copying {path1!r:.200} to {path2!r:.200}")

    copy = cp = cp_file

    def mv(self, path1: str, path2: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"moving {path1!r:.200} to {path2!r:.200}")

    move = rename = mv

    def rm(self, path: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        refuse(f"removing {path!r:.200}")

    rm_file = rmdir = delete = _rm = rm

    def start_transaction(self) -> NoReturn:
        """Refuse."""
        refuse("a transaction")

    @property
    def transaction(self) -> NoReturn:
        """Refuse."""
        refuse("a transaction")
