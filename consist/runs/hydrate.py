"""Putting content where programs expect it as files: inputs before a function runs, outputs when it is spared.

Loaded for `CacheOptions(cache_hydration=…)` only. Artifacts need none of this: `Artifact.path` is right by itself. It
is for what reads a path that it was not told by consist. Where a path comes from a record, and so perhaps from another
machine, nothing is written outside of the working folder and `run_dir`; a path that the caller declared is the caller's
own, and what lies there is replaced as the function itself would have replaced it: a link stays, and what it leads to
is written.
"""

# Paths are plain strings throughout: they come from records and callers, and go to the system as they are.
# ruff: noqa: PTH109, PTH112, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from consist.errors import ConsistWarning, InputError, RefusedError, warn
from consist.identity.names import as_text
from consist.index.records import COMPLETED, TREE
from consist.runs.artifact import Artifact
from consist.runs.formats.registry import FILE
from consist.runs.options import OUTPUTS_ALL, OUTPUTS_REQUESTED
from consist.runs.places import what_is_no_folder, written_through
from consist.store.restore import check_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.blobs.blobstore import BlobStore
    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord, RunRecord
    from consist.runs.inputs import ResolvedInput
    from consist.runs.library import Library
    from consist.runs.request import Request
    from consist.store.store import Store


def restore_inputs(inputs: tuple[ResolvedInput, ...], library: Library, run_dir: str) -> None:
    """Restore inputs that are artifacts where they were written, if nothing is there.

    Parameters
    ----------
    inputs : tuple of ResolvedInput
        Of a run that is about to call its function.
    library : Library
        Where their content is.
    run_dir : str
        Beside the working folder the one place that is written to.
    """
    allowed = tuple(os.path.realpath(folder) for folder in (os.getcwd(), run_dir))
    for item in inputs:
        record = item.source.record if isinstance(item.source, Artifact) else None
        place = record.media.get("path") if record is not None and record.format in {FILE, TREE} else None
        if record is None or not isinstance(place, str):
            continue
        if os.path.lexists(place):
            if not library.still_is(place, record):
                warn(f"input {item.record.key!r}: {place} is there with other content, and is left so", ConsistWarning)
        elif (above := what_is_no_folder(os.path.dirname(place))) is not None:
            warn(f"input {record.key!r}: {above} is no folder, so {place} is not restored", ConsistWarning)
        elif not _is_within(place, allowed):
            warn(
                f"input {item.record.key!r}: {place} is outside of working folder and run_dir, so not restored",
                ConsistWarning,
            )
        else:
            library.write(place, record)


def restore_given_paths(given: object, store: Store, library: Library) -> bool:
    """Restore files that were given as inputs by their paths and are gone; the paths are the caller's own.

    Parameters
    ----------
    given : mapping or sequence or None
        Inputs, as they were given.
    store : Store
        Its index says what was recorded at a path.
    library : Library
        Where the content is.

    Returns
    -------
    bool
        Whether a file was restored.

    Raises
    ------
    InputError
        If several contents were recorded at the path of one.
    DamagedError, BlobNotFoundError
        If the content is damaged or missing.
    """
    found = recorded_at_given_paths(given, store)
    for place, output in found.items():
        library.write(place, output)
    return bool(found)


def recorded_at_given_paths(given: object, store: Store) -> dict[str, ArtifactRecord]:
    """Return what `restore_given_paths` would restore, by absolute path; write nothing.

    Raises
    ------
    InputError
        If several contents were recorded at the path of one.
    """
    sources = given.values() if isinstance(given, Mapping) else given if isinstance(given, (list, tuple)) else ()
    texts = [os.fspath(source) for source in sources if isinstance(source, (str, os.PathLike))]
    gone = [text for text in texts if isinstance(text, str) and "://" not in text and not os.path.lexists(text)]
    places = [os.path.abspath(path) for path in gone]  # noqa: PTH100 - strings, as said
    found = {place: _only_content_at(place, store) for place in places}
    return {place: output for place, output in found.items() if output is not None}


def _only_content_at(place: str, store: Store) -> ArtifactRecord | None:
    """Return the output that is all that was ever recorded at a path, as made or as read; None if there is none."""
    name, text = as_text(os.path.basename(place)).encode(), as_text(place)  # noqa: PTH119 - a string, as said
    found: dict[Digest, ArtifactRecord | None] = {}
    for run in store.index.passing(lambda framed: name in framed):
        for output in run.outputs:
            if output.media.get("path") == text:
                is_whole = run.status == COMPLETED and output.format == FILE
                found[output.digest] = output if is_whole else found.get(output.digest)
        for item in run.inputs:
            if item.kind == FILE and as_text(os.path.abspath(item.location)) == text:  # noqa: PTH100 - the same
                found.setdefault(item.digest)
    if len(found) > 1:
        raise InputError(
            f"there is no file {place}, and {len(found)} contents were recorded there, so none is restored",
            hint="give the artifact that is meant, such as `tracker.get_artifact(run)`",
        )
    return next(iter(found.values()), None)


def restore_outputs(request: Request, record: RunRecord, library: Library, blobs: BlobStore) -> None:
    """Put the files and folders of a run that was found where the caller wants them.

    Raises
    ------
    RefusedError
        If a folder would lose files that are not the output's, or what is there is never replaced.
    DamagedError, BlobNotFoundError
        If the content is damaged or missing; the call is a miss then.
    """
    for output, place in to_restore(request, record, library, blobs):
        library.write(place, output)


def to_restore(
    request: Request, record: RunRecord, library: Library, blobs: BlobStore
) -> Iterator[tuple[ArtifactRecord, str]]:
    """Yield the outputs that `restore_outputs` would write, and where to; write nothing.

    Raises
    ------
    RefusedError
        As `restore_outputs` does.
    """
    files = [output for output in record.outputs if output.format in {FILE, TREE}]
    if request.cache.cache_hydration == OUTPUTS_ALL:
        for output in files:
            place = str(library.place_of_copy(output, record.id))
            if not library.still_is(place, output):
                yield output, place
    elif request.cache.cache_hydration == OUTPUTS_REQUESTED:
        paths = dict(request.declared.paths)
        for output in files:
            if output.key in paths:
                place = written_through(output.key, paths[output.key])
                if not library.still_is(place, output):
                    _refuse_loss(output, place, blobs)
                    yield output, place


def _refuse_loss(output: ArtifactRecord, place: str, blobs: BlobStore) -> None:
    """Refuse to replace what must not be replaced."""
    if output.format != TREE:
        check_target(place, force=True)
    elif os.path.isdir(place):
        _refuse_strangers(output, place, blobs)


def _refuse_strangers(output: ArtifactRecord, place: str, blobs: BlobStore) -> None:
    """Refuse to replace a folder that has files which the output has not: a run of the function refuses them too."""
    from consist.blobs.folderscan import FOLLOW, scan
    from consist.blobs.treeget import read_tree

    own = {file.path for file in read_tree(blobs, output.digest).files}
    strange = next((file.path for file in scan(place, symlinks=FOLLOW).files if file.path not in own), None)
    if strange is not None:
        raise RefusedError(
            f"output {output.key!r}: {os.path.join(place, strange)} is not the output's, and would be lost",
            hint="empty the folder, or name one of its own in output_paths",
        )


def _is_within(place: str, folders: tuple[str, ...]) -> bool:
    """Tell whether a path lies below one of some folders, links resolved."""
    real = os.path.realpath(place)
    return any(os.path.commonpath((real, folder)) == folder for folder in folders)
