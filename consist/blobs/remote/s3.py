"""S3, whatever drives it: settings as obstore takes them, what a 403 or a bare 404 means, how large things are sent.

The drivers are ``s3_by_s3fs.py`` and ``s3_by_obstore.py``; this imports neither package.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from consist.blobs import layout
from consist.blobs.remote.batches import Failed, is_missing, settle
from consist.blobs.remote.errors import Doing, answer_of, no_bucket
from consist.blobs.remote.parts import PART, Parts, SharedRoom
from consist.blobs.remote.rights import is_forbidden, reads_but_does_not_list
from consist.blobs.remote.strategy import Strategy
from consist.blobs.spool import Spool
from consist.errors import BlobNotFoundError, ConsistError, SettingsError, StorageError, StoragePermissionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from consist.blobs.backend import ObjectStat, Range
    from consist.blobs.remote.strategy import Place

    T = TypeVar("T")

DRIVER = "consist_driver"
"""The storage option that names the driver: ``"s3fs"`` or ``"obstore"``. Without it consist chooses."""

PARTS_AT_ONCE = 2
"""Of each pack. Two packs may be on their way, so that `SHARING` parts share a line."""
SHARING = 2 * PARTS_AT_ONCE
MOST_PARTS = 10_000

UNORDERED = "--x-s3"
"""How the names of directory buckets end, the only ones that list in no order."""


def part_size(size: int) -> int:
    """Bytes of each part of an object of a size: S3 takes no more than 10,000 parts.

    Examples
    --------
    >>> part_size(600 << 20) >> 20, part_size(160_000 << 20) >> 20
    (8, 17)
    """
    return max(PART, ((size // MOST_PARTS >> 20) + 1) << 20)


def check_endpoint(endpoint: str) -> None:
    """Refuse what is no URL of a server: a driver of native code ends in a panic over some of it.

    Raises
    ------
    SettingsError
        If it is none.

    Examples
    --------
    >>> check_endpoint("http://127.0.0.1:9000")
    >>> check_endpoint("127.0.0.1:9000")
    Traceback (most recent call last):
    consist.errors.SettingsError: the endpoint '127.0.0.1:9000' is no URL of a server (write http://HOST:PORT or ...)
    """
    if not endpoint:
        return
    from urllib.parse import urlsplit

    shown = endpoint.rpartition("@")[2]  # without user-info
    try:
        parts = urlsplit(endpoint)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(letter.isspace() for letter in endpoint):
        raise SettingsError(
            f"the endpoint {shown!r} is no URL of a server", hint="write http://HOST:PORT or https://HOST"
        )


def obstore_config(place: Place) -> Mapping[str, Any] | None:
    """Say a place's settings as obstore takes them, or None where obstore would not do the same with them.

    obstore reads no profile and no shared configuration file, and follows no bucket to its region: it is for those who
    give key and secret (or none, `anon`), and either an endpoint or a region, by options or environment.

    Examples
    --------
    >>> from consist.blobs.remote.strategy import Place
    >>> options = {"key": "AK", "secret": "S", "client_kwargs": {"region_name": "eu-west-1"}}
    >>> sorted(obstore_config(Place("s3://bucket", "s3://bucket", options)))[:2]
    ['access_key_id', 'conditional_put']
    >>> obstore_config(Place("s3://bucket", "s3://bucket", {"profile": "work"})) is None
    True
    """
    options = {name: value for name, value in place.options.items() if value is not None}
    client = options.pop("client_kwargs", {})
    given = {"endpoint": options.pop("endpoint_url", None) or client.get("endpoint_url")}
    given["region"] = client.get("region_name")
    names = {"access_key_id": "key", "secret_access_key": "secret", "token": "token"}
    given.update({ours: options.pop(theirs, None) for ours, theirs in names.items()})
    anon = options.pop("anon", False)
    folder = place.url.partition("://")[2].partition("/")[2]
    if options or set(client) - {"endpoint_url", "region_name"} or not isinstance(anon, bool):
        return None
    if any(part in {"", ".", ".."} for part in folder.split("/")) and folder:
        return None
    return _complete(given, anon=anon)


def _complete(given: dict[str, Any], *, anon: bool) -> Mapping[str, Any] | None:
    """Fill up from the environment, as botocore would."""
    environ = os.environ
    if not anon and not given["access_key_id"]:
        if "AWS_PROFILE" in environ:
            return None
        given["access_key_id"] = environ.get("AWS_ACCESS_KEY_ID")
        given["secret_access_key"] = environ.get("AWS_SECRET_ACCESS_KEY")
        given["token"] = environ.get("AWS_SESSION_TOKEN")
    given["endpoint"] = given["endpoint"] or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    given["region"] = given["region"] or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    credentials = bool(given["access_key_id"] and given["secret_access_key"])
    if not (anon or credentials) or not (given["endpoint"] or given["region"]):
        return None
    config = {name: value or "" for name, value in given.items() if value or name == "token"}
    if anon:
        config = {name: value for name, value in config.items() if name in {"endpoint", "region"}}
    return {"region": "us-east-1", **config, "skip_signature": anon, "conditional_put": "etag"}


class S3Strategy(Strategy):
    """What both drivers share: names of objects, and what an answer means that says too little.

    A missing bucket and a missing key are both 404 for a HEAD, which has no body. And without the right to list, a
    missing key is 403, as if it could not be read. Both are cleared up by looking at another object, and only when
    such an answer comes.
    """

    exclusive_create = True
    compare_and_swap = True
    probed = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        check_endpoint(self.endpoint)
        self.bucket, _, self.folder = place.url.partition("://")[2].partition("/")
        self._room = SharedRoom()
        self._bucket_is_there = False
        self._reads_but_does_not_list = False

    @property
    def endpoint(self) -> str:
        """The server's URL, by options or environment; AWS is the empty string."""
        client = self.place.options.get("client_kwargs") or {}
        endpoint = self.place.options.get("endpoint_url") or client.get("endpoint_url")
        return str(endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")

    @property
    def server(self) -> str:
        """The endpoint, without user-info; AWS is the empty string."""
        return self.endpoint.rpartition("@")[2].rpartition("://")[2]

    def spool(self) -> Spool:
        """Return what gathers an upload in pieces of the size of a part."""
        return Spool(self.in_memory, Parts(self._room.get()))

    def put_large(self, key: str, pieces: Sequence[bytes | bytearray]) -> None:
        """Publish an object out of memory: in parts, or in one request if it would be less than two of them."""
        if sum(map(len, pieces)) < 2 * PART:
            self.put(key, b"".join(pieces))
        else:
            self.put_parts(key, iter(pieces))

    def put_file(self, key: str, path: str) -> None:
        """Publish a large file in parts, a few of them in memory."""
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - a plain path
            size = os.fstat(stream.fileno()).st_size
            self.put_parts(key, iter(partial(stream.read, part_size(size)), b""))

    def put_parts(self, key: str, parts: Iterator[bytes | bytearray]) -> None:
        """Publish an object in parts, some of them at once; no part is kept for longer than it is sent."""
        raise NotImplementedError

    def name(self, key: str) -> str:
        """Return the name of a key in the bucket."""
        return f"{self.folder}/{key}" if self.folder else key

    def read(self, operation: str, key: str, call: Callable[[], T]) -> T:
        """Ask for an object; tell a missing one from a missing bucket and from a forbidden one."""
        try:
            found = call()
        except (BlobNotFoundError, StoragePermissionError) as error:
            self.clear_up(operation, key, error)
            raise
        self._bucket_is_there = True
        return found

    def ranges_of(self, ranges: Sequence[Range], answers: Sequence[T | Failed]) -> Sequence[T]:
        """Return what came for each range, or raise what one of the answers means."""
        return settle(
            [self._cleared("get", wanted.key, answer) for wanted, answer in zip(ranges, answers, strict=True)]
        )

    def stats_of(self, keys: Sequence[str], answers: Sequence[ObjectStat | Failed]) -> Sequence[ObjectStat | None]:
        """Return what came for each key, None for those that are free; or raise what one of the answers means."""
        cleared = [self._cleared("stat", key, answer) for key, answer in zip(keys, answers, strict=True)]
        return settle([None if is_missing(answer) else answer for answer in cleared])

    def _cleared(self, operation: str, key: str, answer: T | Failed) -> T | Failed:
        if not isinstance(answer, Failed):
            self._bucket_is_there = True
        elif isinstance(answer.error, BlobNotFoundError | StoragePermissionError):
            try:
                self.clear_up(operation, key, answer.error)
            except ConsistError as error:
                return Failed(error)
        return answer

    def clear_up(self, operation: str, key: str, error: BlobNotFoundError | StoragePermissionError) -> None:
        """Raise what an answer means, if it says too little by itself.

        Raises
        ------
        BlobNotFoundError
            If the object is missing, and the credentials may not list.
        StorageError
            If the bucket is missing.
        """
        answer = answer_of(error.__cause__ or error)
        if isinstance(error, BlobNotFoundError):
            if answer.code is None and not self._bucket_is_there:
                self._look_for_bucket(operation, key)
        elif is_forbidden(error) and self._lacks_list_only(key):
            raise BlobNotFoundError(f"no object {key} in {self.url}") from error

    def _look_for_bucket(self, operation: str, key: str) -> None:
        try:
            self._look(layout.CONFIG)
        except BlobNotFoundError:
            pass
        except StoragePermissionError:
            return
        except StorageError as error:
            if answer_of(error).code == "NoSuchBucket":
                raise no_bucket(Doing(operation, key, self.url)) from error
            raise
        self._bucket_is_there = True

    def _lacks_list_only(self, key: str) -> bool:
        """Tell whether these credentials read the store, and get 403 for whatever is not there."""
        if not self._reads_but_does_not_list and key != layout.CONFIG:
            self._reads_but_does_not_list = reads_but_does_not_list(self._look)
        return self._reads_but_does_not_list

    def _look(self, key: str) -> None:
        """Read an object with a request whose refusal has a body that says why."""
        raise NotImplementedError
