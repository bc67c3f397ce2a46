"""The options that verbs share, said once, and what a shell completes of their arguments."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

DbPath = Annotated[
    str | None,
    typer.Option(
        "--db-path",
        metavar="FILE",
        help="The index. Default: $CONSIST_DB, a settings file, or .consist/index.lmdb.",
        show_default=False,
    ),
]
StorePlace = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PLACE",
        help="The store: a folder or a URL. Default: $CONSIST_STORE, a settings file, or what the index was used with.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as docs/reference/json.md describes it.")]

Human = Annotated[
    bool, typer.Option("-h", "--human", help="Sizes as 3.0 MiB, and durations as 4.6 s, also where nobody looks.")
]


def complete_columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a column: config.KEY and the like, the last of those with commas between."""
    from consist.cli import completing

    step = ctx.params.get("step") or ctx.params.get("name")
    return completing.offered(ctx, incomplete, lambda store, begun: completing.columns(store, begun, step))


With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="COLUMN",
        help="Show this too: config.KEY, facet.KEY, meta.KEY, output.KEY. Repeatable.",
        show_default=False,
        autocompletion=complete_columns,
    ),
]


def checked_limit(limit: int | None) -> int | None:
    """Return a limit that `itertools.islice` takes.

    Raises
    ------
    UsageError
        If it is less than none.
    """
    if limit is not None and limit < 0:
        from consist.errors import UsageError

        raise UsageError(f"--limit {limit} is less than none", hint="give 0 or more")
    return None if limit is None else min(limit, sys.maxsize)


def complete_path(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a path of the store."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.paths)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.run_ids)


def complete_target(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run, or a path of the store."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.targets)


def complete_step(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a step."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.steps)


def complete_tag(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a tag."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.tags)


def complete_search(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete what may be searched for: KEY=VALUE, as the newest runs have it."""
    from consist.cli import completing

    return completing.offered(ctx, incomplete, completing.said)


def complete_words(metavar: str) -> Callable[[str], list[str]]:
    """Return what completes one of some words, given as the option shows them: ``csv|json|text``."""
    return lambda incomplete: [word for word in metavar.split("|") if word.startswith(incomplete)]
