"""The boundary of every command: one at a time in a clone, what it prints can be printed, and a signal ends it in one line."""

import fcntl
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["alone", "command", "gathered", "ignore_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN = 2.0  # seconds; more than it takes to end what is under way


class Asked(KeyboardInterrupt):
    """A signal asks to end."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


def command(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status.

    Parameters
    ----------
    main : callable
        Returns the exit status. It meets signals as ``KeyboardInterrupt`` and ends then what it started.

    Raises
    ------
    SystemExit
        With the status; 128 and the signal's number, as shells have it, if one came.
    """
    # Who blocks Ctrl-C, as a build does for the notebooks that it runs, is told of it himself and says so.
    quiet = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        sys.unraisablehook = _tell
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup, say
                signal.signal(number, _raise)
        _open_streams()
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except BaseException as error:
        if interrupt := _interrupt(error):
            ignore_signals()
            sys.unraisablehook = lambda dropped: None  # of what was cut short while it loaded
            if not quiet:
                print("\nInterrupted: nothing was put in place, and all that was started is ended", file=sys.stderr)
            sys.exit(128 + getattr(interrupt, "number", signal.SIGINT))
        if not isinstance(error, OSError):
            raise
        # A full disk, or a pipe that nobody reads any more, where standard output goes.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)  # at the end what is left would be tried again
        if isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        sys.exit(1)


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """An interrupt, or the one that an error came of: while it makes a class, Python 3.11 raises another error in its place."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


class _Errors(io.TextIOWrapper):
    """Standard error, which loses what it cannot take: where a log fills a disk, nothing could be said, and nothing must stop."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _open_streams() -> None:
    """Standard streams that are open, and print what a locale lacks, a minus sign say."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed; the lowest number is free then, and must not be another file's
            stream = open(os.devnull, mode)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr = _Errors(sys.stderr.buffer, sys.stderr.encoding, errors="backslashreplace", line_buffering=True)


@contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Be the only process that does something: another one that does it is waited for, and this is said.

    Parameters
    ----------
    lock : Path
        A file that says so, in a directory that may have to be made. It stays; whoever held it and was killed holds it no more.
    what : str
        For the message, "build".
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(
                f"Another {what} is running in this clone (process {file.read() or 'unknown'}): waiting for it",
                flush=True,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def gathered(futures: Sequence[Future]) -> Iterator[Any]:
    """Results of futures, in order; what has not begun is canceled if one is an error. A signal ends the wait.

    It would not end one without a timeout, if it came just before, while this thread waited for its turn.
    """
    try:
        for future in futures:
            while not future.done():
                wait([future], timeout=1)
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def ignore_signals() -> None:
    """Finish what there is to do before the end."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: Any) -> NoReturn:
    """Ask to end, and again until it is heard, after which signals are ignored.

    What is raised may be lost: Python drops it in finalizers and in callbacks of the import system, and some libraries catch all.
    """
    signal.signal(signal.SIGALRM, lambda alarm, frame: _raise(number, frame))
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
    raise Asked(number)


def _tell(dropped: Any) -> None:
    """Print an exception that Python drops, but for one that comes again."""
    if not isinstance(dropped.exc_value, Asked):
        sys.__unraisablehook__(dropped)
