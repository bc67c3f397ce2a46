"""What a user calls an input, as content: files, folders, and artifacts of earlier runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import shown
from consist.errors import InputError, UsageError
from consist.identity.inputs import folder_identity, inputs_digest
from consist.identity.names import as_text, check_name
from consist.index.records import ARTIFACT, TREE, InputRecord
from consist.runs.artifact import Artifact
from consist.runs.formats.registry import FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.hashing.digest import Digest
    from consist.hashing.hasher import Hashed
    from consist.index.records import ArtifactRecord
    from consist.store.files import FileDigests

FOLDER = "folder"


class ResolvedInput(NamedTuple):
    """An input, looked at.

    Attributes
    ----------
    record : InputRecord
        Its name, kind and content.
    source : Artifact or Path
        What was given.
    """

    record: InputRecord
    source: Artifact | Path

    @property
    def form(self) -> str:
        """What the content is read as."""
        return self.source.format if isinstance(self.source, Artifact) else self.record.kind


NO_INPUTS = inputs_digest(())


def resolve_inputs(given: object, files: FileDigests) -> tuple[ResolvedInput, ...]:
    """Look at the inputs of a run.

    Parameters
    ----------
    given : mapping or sequence or None
        Names to paths or artifacts; in a sequence each is named by its file's name or its key.
    files : FileDigests
        Digests files.

    Raises
    ------
    InputError
        If one is missing, unreadable, or no kind of input; the message names it.
    """
    if not given:
        return ()
    resolved = []
    for name, source in _named(given):
        try:
            resolved.append(_resolve(check_name("input", name), source, files))
        except InputError as error:
            raise InputError(f"input {name!r}: {error.message}", hint=error.hint) from error
    return tuple(resolved)


def digest_of_inputs(inputs: tuple[ResolvedInput, ...]) -> Digest:
    """Digest the inputs for the signature."""
    if not inputs:
        return NO_INPUTS
    return inputs_digest((item.record.key, item.form, item.record.digest) for item in inputs)


def is_path_of(value: object, artifact: Artifact) -> bool:
    """Tell whether what was handed over for an artifact is a path to its content; a text may be a value."""
    return isinstance(value, Path) or (isinstance(value, str) and artifact.format in {FILE, TREE})


def changed_inputs(
    inputs: tuple[ResolvedInput, ...],
    files: FileDigests,
    handed: Mapping[str, str],
    still_is: Callable[[str, ArtifactRecord], bool],
) -> list[str]:
    """Look at files and folders again, and name those that are not what they were.

    Parameters
    ----------
    inputs : tuple of ResolvedInput
        What the run was given.
    files : FileDigests
        Digests files.
    handed : mapping of str to str
        The paths that stood for artifacts, by the input's name: another run may have written there since.
    still_is : callable
        Tells whether a path still has an artifact's content.
    """
    changed = []
    for item in inputs:
        if isinstance(item.source, Artifact):
            path = handed.get(item.record.key)
            if path is not None and not still_is(path, item.source.record):
                changed.append(item.record.key)
            continue
        try:
            now = _content(str(item.source), files)
        except InputError:
            changed.append(item.record.key)
            continue
        if now.digest != item.record.digest:
            changed.append(item.record.key)
    return changed


def is_given_as(value: object, item: ResolvedInput) -> bool:
    """Tell whether an argument is an input itself: that artifact, or the same path; then its content counts."""
    source = item.source
    if isinstance(source, Artifact):
        return value is source or (isinstance(value, Artifact) and value == source)
    if not isinstance(value, (str, os.PathLike)):
        return False
    return os.path.abspath(os.fspath(value)) == os.path.abspath(source)  # noqa: PTH100 - not every PathLike is a Path


def name_of(item: Any) -> str:
    """Return the name that an input has by itself: an artifact's key, a file's name.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(item, Artifact):
        return item.key
    return os.path.basename(_path_of(item))  # noqa: PTH119 - any path-like


def _named(given: object) -> list[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise UsageError(f"inputs is {shown(given)}", hint='give names with paths or artifacts: {"table": …}')
    named = [(name_of(item), item) for item in given]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two inputs would be called {name!r}", hint="give inputs as a mapping, with names")
    return named


def _refuse_elsewhere(path: str) -> None:
    """Refuse a path of the store and a URL; anything else is a file that may be missing."""
    from consist.store.names import is_store_path  # imports all about folders, which few runs need

    if is_store_path(path) or "://" in path:
        hint = f"give tracker.get_artifact({path!r:.200})" if is_store_path(path) else "copy it to a local file first"
        raise InputError(f"{path!r:.200} is not a local path", hint=hint)


def _resolve(name: str, source: object, files: FileDigests) -> ResolvedInput:
    if isinstance(source, Artifact):
        location = f"runs/{source.run_id}/{source.key}"
        return ResolvedInput(InputRecord(name, ARTIFACT, source.digest, source.size, location), source)
    path = _path_of(source)
    if "://" in path:
        _refuse_elsewhere(path)
    try:
        content = _content(path, files)
    except InputError:
        if not os.path.lexists(path):
            _refuse_elsewhere(path)
        raise
    kind = FOLDER if os.path.isdir(path) else FILE  # noqa: PTH112 - strings throughout
    return ResolvedInput(InputRecord(name, kind, content.digest, content.size, as_text(path)), Path(path))


def _path_of(source: object) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"{shown(source)} is no input",
            hint="an input is a file, a folder, or an artifact (result.outputs[…]); a value belongs into config",
        )
    path = os.fspath(source)
    if not isinstance(path, str):
        raise InputError(f"{path!r} is not a local path", hint="copy it to a local file first")
    return path


def _content(path: str, files: FileDigests) -> Hashed:
    if os.path.isdir(path):  # noqa: PTH112 - the same
        files.refuse_own(path)
        return folder_identity(path, files.digest)
    return files.digest(path)
