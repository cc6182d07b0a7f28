"""The boundary of every command: one at a time in a clone, what it prints can be printed, and a signal ends it in one line."""

import fcntl
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["alone", "command", "ignore_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        sys.unraisablehook = _again
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup, say
                signal.signal(number, _raise)
        _open_streams()
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except OSError as error:  # a full disk, or a pipe that nobody reads any more, where standard output goes
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)  # at the end what is left would be tried again
        if isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt as interrupt:
        ignore_signals()
        if not quiet:
            print("\nInterrupted: nothing was put in place, and all that was started is ended", file=sys.stderr)
        sys.exit(128 + getattr(interrupt, "number", signal.SIGINT))


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


def ignore_signals() -> None:
    """Finish what there is to do before the end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: Any) -> NoReturn:
    raise Asked(number)


def _again(lost: Any) -> None:
    """Ask until it is heard, if a signal came where Python drops exceptions: in a finalizer or the import system's callbacks."""
    if isinstance(lost.exc_value, Asked):  # from another thread: what is raised here would be dropped too
        threading.Thread(target=_insist, args=(lost.exc_value.number,), daemon=True).start()
    else:
        sys.__unraisablehook__(lost)


def _insist(number: int) -> None:
    wait = 0.02
    while signal.getsignal(number) is _raise:  # who hears it ignores all others
        time.sleep(wait)
        os.kill(os.getpid(), number)
        wait = 1.0
