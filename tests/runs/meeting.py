"""Two runs that are under way at the same time and write, for whatever makes the barrier and the event they meet at."""

from pathlib import Path


class Meeting:
    """Lets two bodies go on only when both have begun, and the second end only when the first has been published.

    Parameters
    ----------
    makers : module or context
        What has a `Barrier` and an `Event`: `threading`, or a context of `multiprocessing`.
    """

    def __init__(self, makers) -> None:
        self.both = makers.Barrier(2, timeout=60)
        self.first_ended = makers.Event()


def write(number: int, meeting, path) -> Path:
    """Write a file; the second of two waits until the first has been published."""
    meeting.both.wait()
    if number == 2:
        assert meeting.first_ended.wait(60)
    path.write_text(f"{number}\n")
    return path


def write_only(number: int, meeting, path) -> None:
    """Write a file, and return nothing."""
    write(number, meeting, path)
