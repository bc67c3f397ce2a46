"""What a 403 means to who may read objects and not list them: buckets give it for an object that is not there, too."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from consist.blobs import layout
from consist.blobs.remote.errors import answer_of
from consist.errors import BlobNotFoundError, StoragePermissionError

if TYPE_CHECKING:
    from collections.abc import Callable

_FORBIDDEN = 403


def is_forbidden(error: BaseException) -> bool:
    """Tell whether a server refused a request without saying anything of the credentials."""
    answer = answer_of(error.__cause__ or error)
    return answer.status == _FORBIDDEN and answer.code in {None, "AccessDenied"}


def reads_but_does_not_list(look: Callable[[str], object]) -> bool:
    """Tell whether credentials read the store, and get 403 for whatever is not there.

    Parameters
    ----------
    look : callable
        Asks for an object by a request whose refusal says why.

    Raises
    ------
    StoragePermissionError
        If the credentials were refused, which the answer to a HEAD does not tell.
    """
    try:
        look(layout.CONFIG)
    except BlobNotFoundError:
        return False
    except StoragePermissionError as error:
        if is_forbidden(error):
            return False
        raise
    try:
        look(f"{layout.TEMP}-none-{secrets.token_hex(8)}")
    except BlobNotFoundError:
        return False
    except StoragePermissionError:
        return True
    return False
