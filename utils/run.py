"""Run one notebook strictly: ``python -m utils.run NOTEBOOK OUTPUT [--profile P] [-p NAME VALUE]…``

Exit 0: OUTPUT is complete and clean. Exit 2: bad usage, or a parameter with a wrong name, type or range; nothing was
written. Exit 1: the notebook failed; OUTPUT is untouched and the failed copy lies beside it as ``*.failed.ipynb``.
"""

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill

from utils.digest import notebook_digest
from utils.files import clear_stale, temporary_beside
from utils.parameters import PROFILES, ParameterError, check, declared, parse_value, profile_overrides

__all__ = ["PINNED", "NotebookFailed", "faults", "main", "resolve", "run"]

# One thread per process: on matrices this small several are many times slower, and results do not depend on their number.
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CELL_TIMEOUT = 6 * 3600  # seconds: a hang ends, a paper-scale cell does not


class NotebookFailed(RuntimeError):
    """A notebook raised, timed out, or was left half-run; the message says where and where the copy is."""


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
        Seconds one cell may take.

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
    values = resolve(notebook, profile, parameters or {})
    digest = notebook_digest(notebook, values)

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
                execution_timeout=cell_timeout,
                progress_bar={"desc": notebook.stem},
                # The kernel's only client is on this machine: no warning about unencrypted loopback sockets.
                extra_arguments=["--log-level=40"],
            )
            wrong = faults(executed)
            if wrong:
                raise RuntimeError("; ".join(wrong))
            executed.metadata["companion"] = {
                "digest": digest,
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


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.run", description=__doc__.split("\n\n")[1])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--profile", default="fast", choices=PROFILES)
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT, metavar="SECONDS")
    options = parser.parse_args(arguments)
    if not options.cell_timeout > 0:
        parser.error(f"--cell-timeout {options.cell_timeout}: expected a positive number of seconds")
    for name, value in PINNED.items():
        os.environ.setdefault(name, value)
    try:
        given = {name: parse_value(text) for name, text in options.parameters}
        run(
            options.notebook,
            options.output,
            profile=options.profile,
            parameters=given,
            cell_timeout=options.cell_timeout,
        )
    except ParameterError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
