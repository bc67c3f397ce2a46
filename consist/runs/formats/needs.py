"""Libraries that only some values need: imported where one of those is, with a clear word if they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from consist.errors import OutputError


def needed(library: str, what: str, install: str) -> Any:
    """Import a library.

    Parameters
    ----------
    library : str
        The module.
    what : str
        What it is needed for, such as ``a table of polars``.
    install : str
        What pip is told.

    Raises
    ------
    OutputError
        If it is not installed here.

    Examples
    --------
    >>> needed("json", "a document", "json").__name__
    'json'
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise OutputError(f"{what} needs {library}: {error}", hint=f"pip install {install}") from error
