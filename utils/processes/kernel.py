"""The kernel that a notebook runs in: this interpreter's, isolated, ended in order, or at once when a signal asks for it."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from utils.processes.commands import gathered, ignore_signals
from utils.processes.environment import isolated

__all__ = ["Kernel", "own_kernel"]

# Without the machine's IPython configuration (the user's is replaced by an empty folder), a debugger or a history, which take a
# third of the time in which a kernel starts.
LAUNCH = (
    "import runpy, sys; sys.modules['debugpy'] = None; "
    "from IPython.core import application as a; a.ENV_CONFIG_DIRS = a.SYSTEM_CONFIG_DIRS = []; "
    "runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)"
)
ARGUMENTS = [sys.executable, "-P", "-c", LAUNCH, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
GRACE = 5  # seconds in which a kernel that is told to end may do so


class Kernel(AsyncKernelManager):
    """A manager of one run's kernel, a subclass of which :func:`own_kernel` makes.

    It ends a kernel by asking it to end. Jupyter's own interrupts it first, which a kernel that is on its way out, or a process
    that it started, answers with a traceback now and then.
    """

    room: ClassVar[Path]
    processes: ClassVar[list[Any]]
    is_over: ClassVar[bool] = False

    @property
    def kernel_spec(self) -> KernelSpec:
        """Of this interpreter, whatever kernels the user has registered."""
        return KernelSpec(argv=ARGUMENTS, language="python", display_name="Python 3")

    async def start_kernel(self, **more: Any) -> None:
        """Start the kernel, its own output and its settings in the run's room."""
        environment = isolated(IPYTHONDIR=str(self.room / "ipython"), JUPYTER_RUNTIME_DIR=str(self.room))
        # Beside the notebook there could be another; figures start from the defaults, see utils.plotting.use_style.
        if found := find_spec("matplotlib"):
            environment["MATPLOTLIBRC"] = str(Path(found.origin).with_name("mpl-data") / "matplotlibrc")
        # Through files and not TCP ports: one that is free now may be taken before the kernel has it.
        if _takes_sockets(self.room / "socket-0"):
            self.transport, self.ip = "ipc", str(self.room / "socket")
        with (self.room / "said").open("ab") as said:
            await super().start_kernel(**more, env=environment, stdout=said, stderr=said)
        self.processes.append(self.provisioner.process)
        if self.is_over:  # a signal came while it started, which now ignores that as this process does
            self.end(grace=0)

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """Ask the kernel to end, and see that it does."""
        self.shutting_down = True
        self.stop_restarter()
        # Asked over its control socket, as Jupyter does, it hangs now and then: one thread flushes what another has closed.
        with self.connect_shell() as shell:
            self.session.send(shell, self.session.msg("shutdown_request", content={"restart": restart}))
        deadline = time.monotonic() + 1
        while await self.provisioner.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if await self.provisioner.poll() is None:  # busy with a cell: the control thread ends what that has started
            await self.request_shutdown(restart=restart)
        await self.finish_shutdown(restart=restart)
        await self.cleanup_resources(restart=restart)

    @classmethod
    def end(cls, grace: float = GRACE) -> None:
        """End every kernel of the run with all that it started, by force if it takes longer than so many seconds."""
        cls.is_over = True
        for process in cls.processes:
            deadline = time.monotonic() + grace
            with contextlib.suppress(OSError):  # none of the group is left
                os.killpg(process.pid, signal.SIGTERM)  # it has a session of its own
                while process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                os.killpg(process.pid, signal.SIGKILL)

    @classmethod
    def run(cls, work: Callable[[], Any]) -> Any:
        """Do work that uses the kernel, in a thread, so that signals reach the one that waits; they end the kernel.

        Parameters
        ----------
        work : callable

        Returns
        -------
        object
            What the work returns.
        """
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                return next(gathered([future]))
            except KeyboardInterrupt:
                ignore_signals()
                logging.disable()  # of a kernel that dies, nobody needs to hear
                cls.end()
                raise

    @classmethod
    def said(cls) -> str:
        """What the process of the kernel printed outside of cells, its last words."""
        path = cls.room / "said"
        return path.read_bytes()[-2000:].decode(errors="replace").strip() if path.exists() else ""


def _takes_sockets(path: Path) -> bool:
    """Whether a socket can have this path: it is short enough, zmq can read it, and the file system knows sockets."""
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(path))
        path.unlink()
    except OSError:
        return False
    return str(path).isascii()


@contextmanager
def own_kernel() -> Iterator[type[Kernel]]:
    """A kernel manager for one run, with a room of its own for settings and last words, which is gone afterwards.

    Yields
    ------
    type of Kernel
        For papermill, or nbclient.
    """
    with TemporaryDirectory(prefix="companion-", ignore_cleanup_errors=True) as room:
        yield type("RunsKernel", (Kernel,), {"room": Path(room), "processes": [], "__module__": __name__})
