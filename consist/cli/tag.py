"""``consist tag``."""

from typing import Any

from consist.cli.building import make_verb
from consist.cli.marking import RunTarget, Tags
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(
        tag,
        name="tag",
        examples=(
            "consist tag 3f2a published",
            "consist tag steps/train/model best v2",
            "consist runs --tag published",
        ),
    )


def tag(run: RunTarget, tags: Tags, as_json: AsJson = False, db_path: DbPath = None, store: StorePlace = None) -> None:
    """Give a run tags, and print those that it has.

    RUN is named as for `consist show`. Tags are seen by every machine that uses the store; a run that has one already
    keeps it. `consist runs --tag` lists the runs that have one.
    """
    from consist.cli.marking import opened_run, write_marks
    from consist.identity.names import check_name
    from consist.store import marking

    for text in tags:
        check_name("tag", text)
    opened, record = opened_run(db_path, store, run)
    changed = [text for text in tags if marking.tag(opened, record, text)]
    write_marks("tag", opened, record, changed, as_json=as_json)
