"""Run one notebook strictly: parameters checked first, the result in place only if it is complete and clean."""

import math
import os
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager

from utils.claims.register import content, registry
from utils.files import clear_stale, temporary_beside
from utils.fingerprint import code_fingerprint, digest, files_fingerprint, reached
from utils.pipeline.parameters import ParameterError, check, declared, profile_overrides

__all__ = ["CELL_TIMEOUT", "PINNED", "NotebookFailed", "faults", "notebook_fingerprint", "resolve", "run"]

# One thread per process: on matrices this small several are many times slower, and results do not depend on their number.
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
JUDGED = (
    "claims"  # the room whose work the build does again: no run depends on it, but for what it reads of the registry
)
CELL_TIMEOUT = 6 * 3600  # seconds: a hang ends, a paper-scale cell does not


class NotebookFailed(RuntimeError):
    """A notebook raised, timed out, or was left half-run; the message says where and where the copy is."""


class KernelManager(AsyncKernelManager):
    """Ends a kernel by asking it to end.

    Jupyter's own interrupts it first, which a kernel that is on its way out, or a process that it started, answers with a
    traceback now and then.
    """

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        self.shutting_down = True
        self.stop_restarter()
        await self.request_shutdown(restart=restart)
        await self.finish_shutdown(restart=restart)
        await self.cleanup_resources(restart=restart)


def resolve(notebook: Path, profile: str, given: dict[str, object]) -> dict[str, object]:
    """Parameters a run replaces: the profile's, then the given ones, checked together.

    Parameters
    ----------
    notebook : Path
    profile : {"fast", "cifar", "paper"}
    given : dict of str to object

    Returns
    -------
    dict of str to object

    Raises
    ------
    ParameterError
        If anything about them, or the notebook's declarations, is wrong.
    """
    return check(declared(notebook), profile_overrides(notebook, profile) | given)


def notebook_fingerprint(notebook: Path, parameters: dict[str, object]) -> str:
    """Digest of what a run of a notebook depends on.

    Parameters
    ----------
    notebook : Path
    parameters : dict of str to object
        The values that replace its defaults.

    Returns
    -------
    str
        Hexadecimal; changes with the code cells, the parameters, the code they can reach
        (:func:`utils.fingerprint.code_fingerprint`), what they read of the registry, kept results beside the notebook, and
        whether ``COMPANION_DATA`` is set (its contents are checked against digests when read).
    """
    _, names = reached(notebook, stop=JUDGED)
    return digest(
        [
            parameters,
            PINNED,
            code_fingerprint(notebook, stop=JUDGED),
            _read_of_registry(names),
            files_fingerprint(notebook.parent, f"evidence/{notebook.stem}.*/*"),
            bool(os.environ.get("COMPANION_DATA")),
        ]
    )


def _read_of_registry(names: set[str]) -> object:
    """The part of the registry that code sees, by what it imports: the rest is judged, or shown, by the build."""
    if names <= {"verdict.judge", "verdict.again", "verdict.RECORD", "verdict.Verdict"}:
        return None
    if "register.registry" not in names and "register.content" not in names:
        return {name: claim.get("values") for name, claim in registry().items()}
    seen = ("item", "notebook", "verdict", "values")
    claims = {name: [claim.get(field) for field in seen] for name, claim in registry().items()}
    return [claims, [{part: file[part] for part in file if part != "claims"} for file in content().values()]]


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """Why an executed notebook must not be shown, one sentence each; empty if it is complete and clean.

    Parameters
    ----------
    notebook : NotebookNode

    Returns
    -------
    list of str
    """
    found = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.get("execution_count") is None:
            found.append(f"cell {position} was not run")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {position} raised {output.ename}: {output.evalue}")
    return found


def run(
    notebook: Path,
    output: Path,
    *,
    profile: str = "fast",
    parameters: dict[str, object] | None = None,
    cell_timeout: float = CELL_TIMEOUT,
) -> None:
    """Execute a notebook and put the result in place only if it is complete and clean.

    Parameters
    ----------
    notebook, output : Path
    profile : {"fast", "cifar", "paper"}
    parameters : dict of str to object
        Win over the profile.
    cell_timeout : float
        Whole seconds one cell may take; ``inf`` for no limit.

    Raises
    ------
    ParameterError
        Before anything is written.
    NotebookFailed
        ``output`` is then untouched.
    """
    notebook, output = Path(notebook), Path(output)
    if not notebook.is_file():
        raise ParameterError(f"no notebook at {notebook}")
    if output.suffix != ".ipynb" or output.is_dir():
        raise ParameterError(f"OUTPUT {output}: expected the path of a file that ends in .ipynb")
    if output.exists() and output.samefile(notebook):
        raise ParameterError(
            f"OUTPUT {output} is the notebook itself; sources stay without outputs, choose another path"
        )
    if not (cell_timeout >= 1 and cell_timeout in (math.inf, cell_timeout // 1)):
        raise ParameterError(f"--cell-timeout {cell_timeout}: expected whole seconds, at least 1, or inf for no limit")
    values = resolve(notebook, profile, parameters or {})
    fingerprint = notebook_fingerprint(notebook, values)

    temporary, failed = _room_for(output)
    started = time.monotonic()
    try:
        try:
            executed = papermill.execute_notebook(
                str(notebook),
                str(temporary),
                parameters=values,
                cwd=str(notebook.parent),
                kernel_name="python3",
                kernel_manager_class=KernelManager,
                execution_timeout=None if cell_timeout == math.inf else int(cell_timeout),
                progress_bar={"desc": notebook.stem},
                # The kernel's only client is on this machine: no warning about unencrypted loopback sockets.
                extra_arguments=["--log-level=40"],
            )
            wrong = faults(executed)
            if wrong:
                raise RuntimeError("; ".join(wrong))
            executed.metadata["companion"] = {
                "fingerprint": fingerprint,
                "profile": profile,
                "parameters": values,
                "seconds": round(time.monotonic() - started, 1),
            }
            # Papermill's record of temporary and absolute paths would differ on every machine.
            executed.metadata["papermill"] |= {"input_path": notebook.name, "output_path": output.name}
            for cell in executed.cells:
                if "injected-parameters" in cell.metadata.get("tags", []):
                    cell.metadata["tags"].append("remove-cell")
            nbformat.write(executed, temporary)
            temporary.replace(output)
        except Exception as error:
            # Whatever happened, papermill has saved how far it got, unless the disk is what failed.
            kept = _is_notebook(temporary)
            if kept:
                temporary.replace(failed)
            reason = str(error).strip() or type(error).__name__
            where = f"see {failed}" if kept else "how far it got could not be saved"
            raise NotebookFailed(f"{notebook} failed; {where}\n{reason}") from error
        failed.unlink(missing_ok=True)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _room_for(output: Path) -> tuple[Path, Path]:
    """Where to run and where to leave a failed copy, after seeing that files can be written there."""
    temporary = temporary_beside(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        clear_stale(output.parent)
        temporary.touch()
    except OSError as error:
        raise NotebookFailed(f"cannot write to {output.parent} ({error.strerror}); nothing was run") from error
    return temporary, output.with_suffix(".failed.ipynb")


def _is_notebook(path: Path) -> bool:
    try:
        return bool(nbformat.read(path, as_version=4).cells)
    except Exception:  # empty, or cut off by a full disk
        return False
