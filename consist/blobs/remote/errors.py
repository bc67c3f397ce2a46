"""What drivers raise, said in our own words: one reading of all of them, and one table of what the answers mean.

botocore (beneath s3fs), obstore and gcsfs each have exceptions of their own, many of which are no `OSError`. Here each
becomes an `Answer` (the HTTP status and the server's code for the error, as far as they are known), and each answer
one of our errors. A driver's text is never quoted, since it may hold a signed URL: it stays in the cause.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
    UnsupportedError,
)
from consist.fileops import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answer(NamedTuple):
    """What a server said, or None for what it did not say."""

    status: int | None
    code: str | None


class Doing(NamedTuple):
    """What was being done, for messages."""

    operation: str
    key: str
    url: str

    def __str__(self) -> str:
        return f"cannot {self.operation} {self.key} in {self.url}"


_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_NO_CREDENTIALS = frozenset(
    {
        "CredentialRetrievalError",
        "DefaultCredentialsError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "UnauthenticatedError",
    }
)
_FULL = frozenset(
    {
        "InsufficientStorage",
        "OverQuota",
        "QuotaExceeded",
        "StorageFull",
        "XMinioStorageFull",
    }
)
_REGION = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
    }
)
_BUSY = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "XAmzContentSHA256Mismatch",
    }
)
_BUSY_STATUS = frozenset({408, 409, 425, 429})
_NEVER = frozenset({501, 505})
"""Answers of a server, from 500 on, that calling again does not mend. Proxies have many more: 520 to 530 are one's."""
_HTTPS = re.compile(r"https://([^/\s,]+)")
_NO_TLS = re.compile(r"InvalidContentType|WRONG_VERSION_NUMBER")
"""What rustls (obstore) and OpenSSL (the others) say of a server that answers a TLS greeting with something else."""
_NO_ANSWER = frozenset(
    {
        "ChunkedEncodingError",
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "ConnectionError",
        "EndpointConnectionError",
        "FSTimeoutError",
        "HTTPClientError",
        "IncompleteRead",
        "IncompleteReadError",
        "JoinError",
        "ProxyConnectionError",
        "ProxyError",
        "ReadTimeoutError",
        "ResponseParserError",
        "ResponseStreamingError",
        "ServerDisconnectedError",
        "ServerTimeoutError",
        "Timeout",
        "TransportError",
    }
)
"""Names of exceptions of botocore, aiohttp, fsspec, requests, google.auth and obstore."""
_NOBODY = ("nobody listens there", "start the server, or correct the endpoint")
_NO_NAME = ("nobody has that name", "correct the endpoint, or check the network")
_SAID = {"kind: ConnectionRefused": _NOBODY, "Name or service not known": _NO_NAME, "nodename nor servname": _NO_NAME}
"""What obstore says of them, in the words of Linux and macOS."""
_NUMBERS = {errno.ECONNREFUSED: _NOBODY, socket.EAI_NONAME: _NO_NAME}
_TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})
_TOO_MANY_SAID = os.strerror(errno.EMFILE)
"""What obstore says of it, whose errors have no number."""
_DAMAGED_ON_THE_WAY = frozenset({"FlexibleChecksumError", "ChecksumError"})
_RIGHTS = {
    "get": "read objects (s3:GetObject, storage.objects.get)",
    "stat": "read objects (s3:GetObject, storage.objects.get)",
    "list": "list the bucket (s3:ListBucket, storage.objects.list)",
    "delete": "delete objects (s3:DeleteObject, storage.objects.delete)",
    "put": "write objects (s3:PutObject, storage.objects.create)",
}
_TRY = "`consist doctor` says what the store can do"
_REASON = re.compile(r'(?:(?<=")\w+ [^"\n]{,200}(?=")|(?<=error: )\w+\(\s*\w+\s*,?\s*\))')
"""Why there was no connection, as obstore has it: ``"Connection refused"``, ``InvalidCertificate(UnknownIssuer)``."""
_OBSTORE_STATUS = re.compile(r"status code: (\d{3})")
_BULK_CODE = re.compile(r"DeleteObjects request failed.*\bcode: \"(\w+)\"", re.DOTALL)
_XML_CODE = re.compile(r"<Code>(\w+)</Code>")


def answer_of(error: BaseException) -> Answer:
    """Read what a server said out of what a driver raised.

    Examples
    --------
    >>> answer_of(OSError("Forbidden: https://host/key"))
    Answer(status=403, code=None)
    >>> answer_of(ValueError("no server was asked"))
    Answer(status=None, code=None)
    """
    for link in _chain(error):
        found = _of_botocore(link) or _of_obstore(link) or _of_gcsfs(link)
        if found is not None:
            return found
    return Answer(None, None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from.

    Not what was being handled when it was raised: that may be any other error, of an earlier request too. Each once:
    Python lets an exception be raised from itself, or from one that was raised from it.
    """
    met: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in met:
        met.add(id(link))
        yield link
        link = link.__cause__


def _of_botocore(error: BaseException) -> Answer | None:
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return None
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(response.get("Error", {}).get("Code") or "")
    if status is None and code.isdigit():
        status = int(code)
    return Answer(status, None if not code or code.isdigit() else code)


def _of_obstore(error: BaseException) -> Answer | None:
    if not type(error).__module__.startswith("obstore") and not isinstance(error, FileNotFoundError):
        return None
    text = str(error)
    status, code = _OBSTORE_STATUS.search(text), _XML_CODE.search(text)
    if status is None:
        in_bulk = _BULK_CODE.search(text)  # obstore deletes by a request that succeeds although it does not
        return Answer(None, in_bulk[1]) if in_bulk else None
    return Answer(int(status[1]), code[1] if code else None)


def _of_gcsfs(error: BaseException) -> Answer | None:
    if type(error).__name__ == "HttpError":
        code = str(getattr(error, "code", None))
        return Answer(int(code), None) if code.isdigit() else None
    if type(error) is OSError and str(error).startswith("Forbidden"):
        return Answer(403, None)
    if type(error) is FileExistsError and error.errno is None:
        return Answer(412, None)
    return None


def raise_ours(doing: Doing, error: Exception) -> NoReturn:
    """Raise our own error for what a driver raised.

    Raises
    ------
    ConsistError
        Always.
    """
    names = {cls.__name__ for link in _chain(error) for cls in type(link).__mro__}
    answer = answer_of(error)
    _raise_for_credentials(doing, error, answer, names)
    _raise_for_answer(doing, error, answer)
    if names & _DAMAGED_ON_THE_WAY:
        raise UnreachableError(f"{doing}: it arrived damaged", hint="call again; check the network") from error
    _raise_for_plain_http(doing, error)
    _raise_for_too_many_files(doing, error)
    if names & _NO_ANSWER or _obstore_had_no_answer(error):
        raise UnreachableError(
            f"{doing}: no answer", hint="check the endpoint and the network, then call again"
        ) from error
    _raise_for_builtin(doing, error)


def _raise_for_plain_http(doing: Doing, error: Exception) -> None:
    """Say of a server that answers, but not by TLS, what to write: asking it again helps nobody."""
    text = "\n".join(map(str, _chain(error)))
    asked = _HTTPS.search(text)
    if asked and _NO_TLS.search(text):
        raise StorageError(
            f"{doing}: {asked[0]} does not speak TLS",
            hint=f"if it is a plain server, its endpoint is http://{asked[1]}",
        ) from error


def _raise_for_too_many_files(doing: Doing, error: Exception) -> None:
    """Say that it is this process that can open no more: it looks as if nobody answered."""
    if any((isinstance(met, OSError) and met.errno in _TOO_MANY) or _TOO_MANY_SAID in str(met) for met in _met(error)):
        raise StorageError(
            f"{doing}: this process has too many files and connections open",
            hint="raise the limit (`ulimit -n`), or close some",
        ) from error


def _raise_for_credentials(doing: Doing, error: Exception, answer: Answer, names: set[str]) -> None:
    if names & _NO_CREDENTIALS and answer.code not in _CREDENTIALS:
        raise StoragePermissionError(
            f"{doing}: no usable credentials were found", hint="give them by environment, profile or storage_options"
        ) from error
    if answer.code in _CREDENTIALS or answer.status == 401 or "RefreshError" in names:  # noqa: PLR2004
        said = answer.code or "unauthorized"
        raise StoragePermissionError(
            f"{doing}: the credentials were refused ({said})", hint="check the key, the secret and the token"
        ) from error
    if answer.code == "RequestTimeTooSkewed":
        raise StorageError(f"{doing}: this machine's clock is wrong ({answer.code})", hint="set the clock") from error


def _raise_for_answer(doing: Doing, error: Exception, answer: Answer) -> None:
    status, code = answer
    if code == "NoSuchBucket":
        raise no_bucket(doing) from error
    if code in _FULL or status == 507:  # noqa: PLR2004
        raise StorageFullError(
            f"{doing}: over quota ({code or status})", hint="free some space, then call again"
        ) from error
    if code in _REGION or status == 301:  # noqa: PLR2004
        hint = "name the bucket's region: storage_options={'client_kwargs': {'region_name': …}}"
        raise StorageError(f"{doing}: the bucket is in another region ({code or status})", hint=hint) from error
    if code in _BUSY or status in _BUSY_STATUS or (status is not None and status >= 500 and status not in _NEVER):  # noqa: PLR2004
        raise UnreachableError(f"{doing}: the server is busy ({code or status})", hint="call again later") from error
    if status == 412 or code == "PreconditionFailed":  # noqa: PLR2004
        if doing.operation == "create":
            raise AlreadyExistsError(f"{doing}: it is there already") from error
        raise ChangedError(f"{doing}: it was changed meanwhile", hint="read it again") from error
    if status == 403 or code == "AccessDenied":  # noqa: PLR2004
        raise forbidden(doing, code) from error
    if status == 404:  # noqa: PLR2004
        raise BlobNotFoundError(f"{doing}: it is not there") from error
    if status in {405, 501}:
        raise UnsupportedError(f"{doing}: the server does not do this ({code or status})", hint=_TRY) from error


def _raise_for_builtin(doing: Doing, error: Exception) -> NoReturn:
    """Say what fsspec filesystems raise by convention."""
    if isinstance(error, FileNotFoundError):
        raise BlobNotFoundError(f"{doing}: it is not there") from error
    if isinstance(error, FileExistsError):
        raise AlreadyExistsError(f"{doing}: it is there already") from error
    if isinstance(error, PermissionError):
        raise StoragePermissionError(f"{doing}: not allowed", hint="check the credentials and their rights") from error
    if isinstance(error, TimeoutError | ConnectionError | socket.gaierror):
        raise UnreachableError(f"{doing}: no answer", hint="check the network, then call again") from error
    if isinstance(error, NotImplementedError):
        raise UnsupportedError(f"{doing}: the filesystem cannot", hint=_TRY) from error
    if isinstance(error, OSError) and error.errno is not None:
        ours = storage_error("reach", "it", error)
        raise type(ours)(f"{doing}: {os.strerror(error.errno)}", hint=ours.hint) from error
    raise StorageError(f"{doing}: {type(error).__name__}") from error


def _obstore_had_no_answer(error: BaseException) -> bool:
    """Tell a connection that failed from other obstore errors, all of which are one class."""
    return type(error).__name__ == "GenericError" and "HTTP error" in str(error)


def nobody(error: BaseException) -> tuple[str, str] | None:
    """Say, with a hint, that a connection was refused, or that a name is nobody's; None if it is a silent server.

    That is an answer of the network.
    """
    for met in _met(error):
        if isinstance(met, OSError) and met.errno in _NUMBERS:
            return _NUMBERS[met.errno]
        if _obstore_had_no_answer(met) and (said := [mean for text, mean in _SAID.items() if text in str(met)]):
            return said[0]
    return None


def _met(error: BaseException) -> Iterator[BaseException]:
    """Yield what `_chain` does, and what botocore met: it raises from nothing, and hands that on beside."""
    for link in _chain(error):
        yield link
        given = getattr(link, "kwargs", None)
        met = given.get("error") if isinstance(given, dict) else None
        if isinstance(met, BaseException):
            yield met


def brief_cause(error: StorageError) -> OSError | None:
    """Return what a driver said, in a line, to stand for it as the cause of our error; None if there was none.

    Printed with the driver's own exceptions, a server that is down was a traceback of 90 lines with obstore, most of
    them what Rust prints of its structures, and of 176 with s3fs; a wrong secret showed the server's XML first.
    """
    *_, last = _chain(error)
    if last is error:
        return None
    first, _, details = str(last).partition("\n")
    reasons = _REASON.findall(details)  # of obstore, whose first line says no more than that there was none
    kind = PermissionError if isinstance(error, StoragePermissionError) else ConnectionError
    return kind(f"{type(last).__name__}: {first.partition(': <')[0]}" + (f": {reasons[-1]}" if reasons else ""))


def no_bucket(doing: Doing) -> StorageError:
    """Return the error for a bucket that is not there: never the one for a missing key, which would be a plain miss."""
    return StorageError(f"{doing}: there is no such bucket", hint="create it, or correct the URL or the endpoint")


def forbidden(doing: Doing, code: str | None) -> StoragePermissionError:
    """Return the error for a right that is missing, with its name."""
    operation = doing.operation
    right = _RIGHTS.get("put" if operation in {"create", "replace", "put_many"} else operation, "do this")
    hint = "give the credentials that right"
    if operation in {"get", "stat"}:
        hint += "; without the right to list, a server answers the same for an object that is not there"
    said = f" ({code})" if code else ""
    return StoragePermissionError(f"{doing}: the credentials may not {right}{said}", hint=hint)
