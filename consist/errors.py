"""Every error that consist raises on purpose, in one tree grouped by what the caller does about it.

::

    ConsistError
    ├── UsageError (ValueError)            the call is wrong: change it
    │   ├── UnencodableError (TypeError)   a value has no stable encoding; `path` says where it sits
    │   ├── InputError                     an input is missing, unreadable, or no kind of input
    │   ├── OutputError                    an output was not written, or its type has no format
    │   ├── SettingsError                  a setting is unknown or malformed
    │   └── FolderError (IsADirectoryError)  a folder is named where a file must be: name a file in it
    ├── NotFoundError (LookupError)        no such thing: check the name
    │   ├── BlobNotFoundError (FileNotFoundError)
    │   ├── RunNotFoundError (FileNotFoundError)
    │   ├── OutputNotFoundError (KeyError)
    │   └── AmbiguousPrefixError (FileNotFoundError)  several things: type more of the name
    ├── ConflictError                      another writer was there first: look again
    │   ├── AlreadyExistsError (FileExistsError)
    │   └── ChangedError                   a compare-and-swap found another version
    ├── DamagedError                       bytes are not what their name says: verify, then run again to heal
    ├── RefusedError                       consist will not touch this: read why
    │   ├── FormatError                    written by a newer consist, or not by consist at all
    │   ├── UnsupportedError               the backend, or this release, cannot do it
    │   └── ReadOnlyError (PermissionError)  the store is read as a filesystem, and not written as one
    └── StorageError (OSError)             the storage failed: mend it, then call again
        ├── StorageFullError
        ├── StoragePermissionError (PermissionError)
        └── UnreachableError (ConnectionError)

    ConsistWarning (UserWarning)
    ├── UncacheableWarning                 the run goes ahead, but no signature leads to it
    ├── DamagedWarning                     something in the store is missing or damaged; it is recomputed
    └── IdentityWarning                    two different calls may share one result

An exception of the user's own function is never wrapped: it passes through as it is. `warn` is how consist warns:
of the line of the user's that led to it; `notice` is how it says that it waits.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import ClassVar


class ConsistError(Exception):
    """The root of the tree.

    Parameters
    ----------
    message : str
        What is wrong, with the name of the thing, and why.
    hint : str, optional
        What to do about it.

    Attributes
    ----------
    kind : str
        A stable code for programs, the same in every release.

    Examples
    --------
    >>> error = BlobNotFoundError("no blob abc", hint="run `consist ls blobs`")
    >>> error.kind, str(error)
    ('blob-not-found', 'no blob abc (run `consist ls blobs`)')
    """

    kind: ClassVar[str] = "consist"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a process pool: keyword arguments and the bases' constructors defeat the default."""
        return (_rebuild, (type(self), self.message, self.hint, self.__dict__))


def warn(message: str, category: type[ConsistWarning]) -> None:
    """Warn of the line that called into consist, however many of our own frames lie between.

    A fixed ``stacklevel`` is right for one way in only: `Tracker.run`, `consist.run` and a step's `run` differ by
    frames. (``skip_file_prefixes`` does this from Python 3.12 on.)

    Parameters
    ----------
    message : str
        What is wrong, and what to do.
    category : type of ConsistWarning
        Which warning.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - what `warnings` itself uses
    while _is_between(frame.f_globals.get("__name__")) and frame.f_back is not None:
        frame = frame.f_back
    namespace = frame.f_globals
    registry = namespace.setdefault("__warningregistry__", {})
    name = str(namespace.get("__name__", "<unknown>"))
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, name, registry)


def notice(message: str) -> None:
    """Say once what is no trouble yet: that something is waited for.

    On the logger ``consist``, at the level WARNING, and on standard error where nobody has set logging up. No warning
    of Python's: those become errors under ``-W error``, and a wait is to end no call. It may come from any thread,
    where there is no line of the user's to point at.

    Parameters
    ----------
    message : str
        What is waited for, and for how long.
    """
    import logging  # for what takes seconds only

    logger = logging.getLogger(_OWN)
    if logger.hasHandlers():
        logger.warning("%s", message)
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none
        sys.stderr.write(f"consist: {message}\n")


def warn_once(message: str, category: type[ConsistWarning], about: str, said: dict[str, str]) -> None:
    """Warn, unless something was said of the same thing in the same call, which may look at it several times.

    Parameters
    ----------
    message, category
        As of `warn`.
    about : str
        What it is about: the id of a run, a signature.
    said : dict of str to str
        What was said, by what it was about; `message` is added.
    """
    if about not in said:
        said[about] = message
        warn(message, category)


def _is_between(module: object) -> bool:
    """Tell whether a frame is ours, or one of `contextlib`, which lies between a ``with`` and our code."""
    return isinstance(module, str) and (module.partition(".")[0] == _OWN or module == "contextlib")


_OWN = __name__.partition(".")[0]


def _rebuild(cls: type[ConsistError], message: str, hint: str | None, state: dict[str, object]) -> ConsistError:
    error = cls(message, hint=hint)
    error.__dict__.update(state)
    return error


class UsageError(ConsistError, ValueError):
    """The call is wrong; nothing was done."""

    kind = "usage"


class UnencodableError(UsageError, TypeError):
    """A value has no stable encoding, so it cannot be part of a signature.

    Attributes
    ----------
    path : str
        Where the value sits in what was encoded, such as ``["model"]["sigma"]``; empty for the value itself.
    """

    kind = "unencodable"

    def __init__(self, message: str, *, hint: str | None = None, path: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.path}: {text}" if self.path else text


class InputError(UsageError):
    """An input is missing, unreadable, or no kind of input that consist knows."""

    kind = "input"


class OutputError(UsageError):
    """An output was not written, or there is no format for its type."""

    kind = "output"


class SettingsError(UsageError):
    """A setting is unknown or malformed."""

    kind = "settings"


class FolderError(UsageError, IsADirectoryError):
    """A folder is named where a file must be: name a file in it."""

    kind = "folder"


class NotFoundError(ConsistError, LookupError):
    """There is no such thing."""

    kind = "not-found"


class BlobNotFoundError(NotFoundError, FileNotFoundError):
    """The store has no such blob or object."""

    kind = "blob-not-found"


class RunNotFoundError(NotFoundError, FileNotFoundError):
    """The store has no such run, step or output."""

    kind = "run-not-found"


class OutputNotFoundError(NotFoundError, KeyError):
    """Among the outputs of a run, or in a scenario's coupler, nothing is called so."""

    kind = "output-not-found"


class AmbiguousPrefixError(NotFoundError, FileNotFoundError):
    """A prefix fits several names."""

    kind = "ambiguous"


class ConflictError(ConsistError):
    """Another writer was there first."""

    kind = "conflict"


class AlreadyExistsError(ConflictError, FileExistsError):
    """Put-if-absent found the key taken."""

    kind = "exists"


class ChangedError(ConflictError):
    """A compare-and-swap or conditional delete found another version."""

    kind = "changed"


class DamagedError(ConsistError):
    """Bytes are not what their name or check says."""

    kind = "damaged"


class RefusedError(ConsistError):
    """Going on could harm something, so consist does not."""

    kind = "refused"


class FormatError(RefusedError):
    """Written by a newer consist, or not by consist at all."""

    kind = "format"


class UnsupportedError(RefusedError):
    """The backend, or this release, cannot do it."""

    kind = "unsupported"


class ReadOnlyError(RefusedError, PermissionError):
    """A store is read as a filesystem, but nothing is written through that."""

    kind = "read-only"


class StorageError(ConsistError, OSError):
    """The storage below failed; nothing half written is left under a final name."""

    kind = "storage"


class StorageFullError(StorageError):
    """No space left, or over quota."""

    kind = "storage-full"


class StoragePermissionError(StorageError, PermissionError):
    """Not allowed to read or write there."""

    kind = "storage-permission"


class UnreachableError(StorageError, ConnectionError):
    """The storage did not answer."""

    kind = "unreachable"


class ConsistWarning(UserWarning):
    """The root of consist's warnings."""


class UncacheableWarning(ConsistWarning):
    """The run goes ahead, but no signature leads to it."""


class DamagedWarning(ConsistWarning):
    """Something in the store is missing or damaged; what needs it is computed again."""


class IdentityWarning(ConsistWarning):
    """Two different calls may share one result."""
