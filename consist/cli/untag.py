"""``consist untag``."""

from typing import Any

from consist.cli.building import make_verb
from consist.cli.marking import RunTarget, Tags
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(untag, name="untag", examples=("consist untag 3f2a draft", "consist untag steps/train/model best"))


def untag(
    run: RunTarget, tags: Tags, as_json: AsJson = False, db_path: DbPath = None, store: StorePlace = None
) -> None:
    """Take tags from a run, also those that it was recorded with, and print those that are left.

    RUN is named as for `consist show`. A tag that it does not have is no error, but said on standard error.
    """
    from consist.cli.marking import opened_run, write_marks
    from consist.cli.nearby import say_lacking
    from consist.store import marking

    opened, record = opened_run(db_path, store, run)
    before = opened.index.tags(record.id)
    changed = [text for text in tags if marking.untag(opened, record, text)]
    for text in tags:
        if text not in before:
            say_lacking(f"{record.kind} {record.id[:12]} has no tag", text, before, "it has none")
    write_marks("untag", opened, record, changed, as_json=as_json)
