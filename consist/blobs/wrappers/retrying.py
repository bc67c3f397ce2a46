"""`Retrying`: patience with a place that does not answer. The only retries there are: drivers are told to make none.

What may be repeated as it is, is. Creation, replacement and conditional deletion may have happened although their
answer was lost, and repeating them then looks like losing to somebody else; so a refusal that follows a lost answer is
checked by reading back. Control objects hold a nonce: if our very bytes are there, it was us.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from consist.blobs.backend import BatchError, Capabilities, LazyCapabilities
from consist.blobs.remote.errors import brief_cause, nobody
from consist.blobs.wrappers.base import Wrapper
from consist.blobs.wrappers.given import Ordered, Unordered
from consist.blobs.wrappers.slow import UnderWay
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    ConflictError,
    NotFoundError,
    StorageFullError,
    StoragePermissionError,
    UnreachableError,
    notice,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from consist.blobs.backend import Backend, ObjectStat, Range, Upload, Versioned

A = TypeVar("A")
T = TypeVar("T")

DEADLINE = 60.0
"""Seconds after which no further attempt is begun."""
FIRST_DEADLINE = 10.0
"""The same while the place has never answered: a mistyped endpoint, rather than a server that starts again."""
FIRST_ATTEMPTS = 3
"""Attempts at a place that has never answered, if nobody listens there: a refusal comes at once, and will again."""
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
SAID_AFTER = 5.0
"""Seconds of silence after which it is said, once, that a place is waited for."""
QUICK = 2 << 20
"""Bytes up to which a request should have its answer by then; what moves more may take long, and nothing is wrong."""
_REFUSALS = (NotFoundError, ConflictError, StoragePermissionError, StorageFullError)
"""What is raised for an answer of the place."""


class Retrying(Wrapper):
    """A backend that tries again while `UnreachableError` comes, with growing pauses, for so long and no longer.

    Parameters
    ----------
    inner : Backend
        What is asked; an attempt of its own must end by itself.
    deadline : float
        Seconds after which no further attempt is begun; in a batch, seconds in which nothing of it was done. They are
        counted for all operations together, from the first that had no answer: those that follow are made once.
    """

    def __init__(self, inner: Backend, deadline: float = DEADLINE) -> None:
        super().__init__(inner)
        self._deadline = deadline
        self._answered = False
        self._first: _Patience | None = None
        self._silence: _Silence | None = None
        self._heard_at = -math.inf
        self._said_at = -math.inf
        self._under_way = UnderWay(SAID_AFTER, self._say_of)

    @property
    def capabilities(self) -> Capabilities:
        """What the place can do; trying it is tried again, too."""
        able = self.inner.capabilities
        if not isinstance(able, LazyCapabilities):
            return able

        def find_out(name: str) -> bool:
            # What is remembered is no answer, and ends no silence.
            return self.again(lambda: able.create if name == "create" else able.replace, answers=False)

        return LazyCapabilities(find_out)

    # What may be repeated as it is ---------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Put, until it is answered."""
        self.again(lambda: self.inner.put(key, data), moved=len(data))

    def put_many(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Put all, then those again that had no answer."""
        self._batch(self._put_many, items, sum(len(data) for _, data in items))

    def upload(self) -> Upload:
        """Begin an upload whose publication is tried again."""
        return _RetriedUpload(self, self.inner.upload())

    def get(self, key: str) -> bytes:
        """Get, until it is answered."""
        return self.again(lambda: self.inner.get(key))

    def get_versioned(self, key: str) -> Versioned:
        """Get, until it is answered."""
        return self.again(lambda: self.inner.get_versioned(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Get, until it is answered."""
        return self.again(lambda: self.inner.get_range(key, start, length), moved=length)

    def get_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes | memoryview]:
        """Get all, then those again that had no answer."""
        return self._batch(self.inner.get_ranges, ranges, sum(wanted.length for wanted in ranges))

    def stat(self, key: str) -> ObjectStat | None:
        """Look, until it is answered."""
        return self.again(lambda: self.inner.stat(key))

    def stat_many(self, keys: Sequence[str]) -> Sequence[ObjectStat | None]:
        """Look at all, then at those again that had no answer."""
        return self._batch(self.inner.stat_many, keys)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """List; if it breaks off, list again and pass over what was given already.

        Raises
        ------
        StorageError
            If it broke off at a place that lists in order, and did not: nobody knows what was given.
        """
        given = Ordered(self.inner.url) if getattr(self.inner, "lists_in_order", False) else Unordered()
        listing: Iterator[ObjectStat] | None = None

        def following() -> ObjectStat | None:
            nonlocal listing
            try:
                if listing is None:
                    listing = iter(self.inner.list(prefix))
                while (found := next(listing, None)) is not None and given.has(found.key):
                    continue
            except UnreachableError:
                given.begin_again()
                listing = None  # an iterator that raised is at its end, and would say that this is all
                raise
            return found

        while (found := self.again(following)) is not None:
            yield found

    def sweep(self, older_than: float) -> int:
        """Sweep, until it is answered."""
        return self.again(lambda: self.inner.sweep(older_than), answers=False)  # many places have nothing to sweep

    # What is checked by reading back -------------------------------------------------------------------------------

    def create(self, key: str, data: bytes) -> None:
        """Create; if an answer was lost and the key is taken, by our very bytes, it was us."""
        self._once(lambda: self.inner.create(key, data), AlreadyExistsError, lambda: self._holds(key, data))

    def replace(self, key: str, data: bytes, *, if_match: str) -> None:
        """Replace; if an answer was lost and the key was changed, to our very bytes, it was us."""
        self._once(
            lambda: self.inner.replace(key, data, if_match=if_match), ChangedError, lambda: self._holds(key, data)
        )

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete; if an answer was lost and the version is gone with nothing in its place, that is what was asked."""
        if if_match is None:
            self.again(lambda: self.inner.delete(key))
        else:
            self._once(lambda: self.inner.delete(key, if_match=if_match), ChangedError, lambda: self.stat(key) is None)

    # Parts ---------------------------------------------------------------------------------------------------------

    def again(self, call: Callable[[], T], *, answers: bool = True, moved: int = 0) -> T:
        """Make a call until it is answered, or the deadline has passed.

        Without `answers` it may have asked nobody. `moved` is how many bytes are sent, or asked for, at the most.
        """
        patience = self._patience()
        while True:
            try:
                return self._listen(call, patience, answers=answers, moved=moved)
            except UnreachableError as error:
                self._wait(patience, error)

    def _once(self, call: Callable[[], None], refused: type[Exception], was_us: Callable[[], bool]) -> None:
        lost = False
        patience = self._patience()
        while True:
            try:
                return self._listen(call, patience)
            except UnreachableError as error:
                lost = True
                self._wait(patience, error)
            except refused:
                if lost and was_us():
                    return None
                raise

    def _holds(self, key: str, data: bytes) -> bool:
        try:
            return self.get(key) == data
        except BlobNotFoundError:
            return False

    def _batch(self, call: Callable[[Sequence[A]], Sequence[Any]], items: Sequence[A], moved: int = 0) -> Sequence[Any]:
        """Make a batch, then what is left of it; every attempt that gets on begins a new deadline."""
        if not items:
            return []  # nobody was asked
        answers: dict[int, Any] = {}
        left = [*range(len(items))]
        patience = self._patience()
        while True:
            try:
                found = self._listen(partial(call, [items[position] for position in left]), patience, moved=moved)
            except BatchError as error:
                undone = {left[position] for position in error.undone}
                answers.update(zip(left, error.answers, strict=True))
                if len(undone) < len(left):
                    self._heard()
                    patience = self._patience()
                left = sorted(undone)
                self._wait(patience, error)
            except UnreachableError as error:
                self._wait(patience, error)
            else:
                answers.update(zip(left, found, strict=True))
                return [answers[position] for position in range(len(items))]

    def _put_many(self, items: Sequence[tuple[str, bytes]]) -> Sequence[None]:
        self.inner.put_many(items)
        return [None] * len(items)

    def _listen(self, call: Callable[[], T], patience: _Patience, *, answers: bool = True, moved: int = 0) -> T:
        """Make a call, and note if somebody was heard: a refusal is an answer, too."""
        patience.asked = time.monotonic()
        if moved <= QUICK:
            self._under_way.begin(patience.asked)
        try:
            found = call()
        except _REFUSALS as error:
            self._heard()
            if isinstance(error, StoragePermissionError):  # what it was raised from has been read by now
                error.__cause__ = brief_cause(error) or error.__cause__
            raise
        finally:
            self._under_way.end()
        if answers:
            self._heard()
        return found

    def _heard(self) -> None:
        self._answered = True
        self._silence = None
        self._heard_at = time.monotonic()

    def _say_of(self, began: float) -> None:
        """Say that a place is waited for, of which nothing was heard since a request began; once in a silence."""
        silence, now = self._silence, time.monotonic()
        since = max(began, self._heard_at)
        if now - since < SAID_AFTER or self._said_at >= since or (silence is not None and silence.is_said):
            return
        self._said_at = now
        if silence is not None:
            silence.is_said = True
        notice(f"{self.inner.url} takes longer than {SAID_AFTER:g} s to answer; it is waited for")

    def _wait(self, patience: _Patience, error: UnreachableError) -> None:
        """Pause before another attempt, as long as the place has not been silent for too long, whoever asked it.

        Raises
        ------
        UnreachableError
            If the time of this operation is up, or that of the silence.
        """
        began = max(patience.asked, self._heard_at)  # the silence, which the attempt is a part of
        silence = self._silence
        if silence is None or began - silence.last > self._deadline:  # what was long ago says nothing of now
            silence = self._silence = _Silence(began, began, is_said=self._said_at >= began)
        silence.last = time.monotonic()
        patience.wait(error, silence, self.inner.url)

    def _patience(self) -> _Patience:
        if self._answered:
            return _Patience(self._deadline)
        # Who was waited for in vain once, and never answered, is not waited for by each operation that follows.
        if self._first is not None and self._first.is_over:
            return _Patience(0.0, 1, getattr(self.inner, "endpoint", ""))
        where = getattr(self.inner, "endpoint", "")  # of a server; no part of the port
        self._first = _Patience(min(self._deadline, FIRST_DEADLINE), FIRST_ATTEMPTS, where)
        return self._first


@dataclass(slots=True)
class _Silence:
    """A time in which a place answered nobody, shared by all operations: one outage is one patience.

    Each had a patience of its own at first, and a server that died during a put was waited for four times over: by
    the packs, the record, its copy and the log.
    """

    began: float
    last: float
    is_said: bool = False


class _Patience:
    """How long one operation goes on trying, and how long it pauses before each further attempt."""

    def __init__(self, seconds: float, if_nobody: float = math.inf, where: str = "") -> None:
        self.is_over = False
        self._seconds = seconds
        self._if_nobody = if_nobody
        self._where = where
        self._began = self.asked = time.monotonic()
        self._pause = FIRST_WAIT
        self._attempts = 0

    def wait(self, error: UnreachableError, silence: _Silence, url: str) -> None:
        """Pause before another attempt, at random so that many clients do not come back together.

        Raises
        ------
        UnreachableError
            If the time is up.
        """
        self._attempts += 1
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        again = time.monotonic() + pause
        if self._attempts >= self._if_nobody and (answer := nobody(error)):
            said = f"{error.message}: {answer[0]}" + (f", {self._where}" if self._where else "")
            self._give_up(error, said, answer[1])
        if self._seconds == 0:
            self._give_up(error, error.message, error.hint)
        if again > self._began + self._seconds:
            tried = f"in {self._attempts} attempts" if self._attempts > 1 else "in one attempt"
            within = max(self._seconds, math.floor(silence.last - self._began))
            self._give_up(error, f"{error.message}, {tried} within {within:g} s", error.hint)
        if again > silence.began + self._seconds:
            since = silence.last - silence.began
            self._give_up(error, f"{error.message}, nor anything else for {since:.0f} s", error.hint)
        if again > silence.began + SAID_AFTER and not silence.is_said:
            silence.is_said = True
            notice(f"{url} does not answer; it is asked again for at most {self._seconds:g} s")
        time.sleep(pause)
        self._pause = min(2 * self._pause, LONGEST_WAIT)

    def _give_up(self, error: UnreachableError, said: str, hint: str | None) -> NoReturn:
        self.is_over = True
        raise UnreachableError(said, hint=hint) from brief_cause(error)


class _RetriedUpload:
    """An upload that is published until it is answered: what was written is kept until it is left."""

    def __init__(self, retrying: Retrying, inner: Upload) -> None:
        self._retrying = retrying
        self._inner = inner
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._inner.write(data)
        self._size += len(data)

    def publish(self, key: str) -> None:
        self._retrying.again(lambda: self._inner.publish(key), moved=self._size)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
