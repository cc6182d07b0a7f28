"""How much memory a piece of work takes in the processes that it starts."""

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

__all__ = ["Peak", "peak_of_children"]

EVERY = 0.1  # seconds from one look to the next


@dataclass
class Peak:
    """Most memory that was held at one time, in MB (10^6 bytes).

    Attributes
    ----------
    megabytes : int
        Complete when the work is done.
    """

    megabytes: int = 0

    def saw(self, held: float) -> None:
        """Take note of so many bytes."""
        self.megabytes = max(self.megabytes, round(held / 1e6))


@contextmanager
def peak_of_children() -> Iterator[Peak]:
    """Watch the processes that this one starts, directly or through others.

    Yields
    ------
    Peak
        Of the sum of their resident memory, ten times a second, and of any one of them that has ended, exactly. What they
        share counts for each, so it errs on the high side.

    Examples
    --------
    >>> import subprocess, sys
    >>> with peak_of_children() as peak:
    ...     _ = subprocess.run([sys.executable, "-c", "b'x' * 10**8"])
    >>> 100 < peak.megabytes < 10_000
    True
    """
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            with suppress(psutil.Error, OSError):  # one that has just ended; no file that may be opened
                peak.saw(sum(child.memory_info().rss for child in psutil.Process().children(recursive=True)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        peak.saw(most if sys.platform == "darwin" else most * 1024)
