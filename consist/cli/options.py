"""The options that verbs share, said once."""

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
