"""Which outputs need content that is damaged: what a finding says to people, who know runs and steps, not digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.store.contents import Finding

_NAMED = 3
"""Outputs that are named of a blob; a common one may be an output of thousands of runs."""


class Needing:
    """Collects, while records are read, the first outputs that need some blobs.

    Parameters
    ----------
    wanted : set of bytes
        The raw digests of the blobs.
    """

    def __init__(self, wanted: set[bytes]) -> None:
        self._first: dict[bytes, list[str]] = {raw: [] for raw in wanted}

    def look_at(self, record: RunRecord) -> None:
        """Note the outputs of a run."""
        for output in record.outputs:
            self.note(output.digest, record, f"output {output.key!r}")

    def note(self, digest: Digest, record: RunRecord, what: str) -> None:
        """Note that something of a run is a content."""
        known = self._first.get(digest.raw)
        if known is not None and len(known) < _NAMED:
            said = f"{what} of run {record.id} (step {record.step})"
            if said not in known:  # a run may lie at two keys
                known.append(said)

    def named(self, finding: Finding, blobs: Iterable[bytes]) -> Finding:
        """Return a finding that says which outputs it affects."""
        said = list(dict.fromkeys(one for raw in sorted(blobs) for one in self._first.get(raw, ())))[:_NAMED]
        return (
            finding._replace(problem="; ".join((finding.problem, f"needed for {', '.join(said)}"))) if said else finding
        )
