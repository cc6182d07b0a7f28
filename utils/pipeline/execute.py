"""Run one notebook strictly: parameters checked first, the result in place only if it is complete and clean."""

import json
import math
import os
import time
from contextlib import suppress
from glob import escape
from pathlib import Path

import nbformat
import papermill

from utils import provenance
from utils.claims.register import content, registry
from utils.files import clear_stale, temporary_beside
from utils.fingerprint import code_fingerprint, digest, files_fingerprint, is_todays, made_by, reached
from utils.pipeline.parameters import ParameterError, check, declared, profile_overrides
from utils.processes.environment import PINNED, processors
from utils.processes.kernel import own_kernel
from utils.processes.memory import peak_of_children

__all__ = ["CELL_TIMEOUT", "PINNED", "NotebookFailed", "faults", "notebook_fingerprint", "resolve", "run"]

JUDGED = (
    "claims"  # the room whose work the build does again: no run depends on it, but for what it reads of the registry
)
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
        Hexadecimal; changes with the code cells, the parameters, the code they can reach and the packages it runs on
        (:func:`utils.fingerprint.code_fingerprint`), what they read of the registry, the kept results that the code names and
        whether today's code made them, and whether ``COMPANION_DATA`` is set (its contents are checked against digests when read).
    """
    _, names = reached(notebook, stop=JUDGED)
    kept = _kept_results(notebook)
    return digest(
        [
            parameters,
            PINNED,
            code_fingerprint(notebook, stop=JUDGED),
            _read_of_registry(names),
            files_fingerprint(notebook.parent, *(f"evidence/{escape(name)}/*" for name in kept), "matplotlibrc"),
            _by_todays_code(notebook.parent / "evidence", kept),
            bool(os.environ.get("COMPANION_DATA")),
        ]
    )


def _kept_results(notebook: Path) -> list[str]:
    """Names of the kept results that a notebook's code names, whosever they are; literally, which a test holds."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return sorted(path.name for path in notebook.parent.glob("evidence/*") if f'"{path.name}"' in code)


def _by_todays_code(folder: Path, kept: list[str]) -> dict[str, bool]:
    """Of kept results, whether their code is today's: the text beside their figure says so."""
    found = {}
    for name in kept:
        with suppress(OSError, ValueError, LookupError):  # the notebook will say what is wrong with it
            about = json.loads((folder / name / "provenance.json").read_text(encoding="utf-8"))
            found[name] = is_todays(about["code"])
    return found


def _read_of_registry(names: set[str]) -> object:
    """The part of the registry that code sees, by what it imports: the rest is judged, or shown, by the build."""
    if names <= {"verdict.judge", "verdict.again", "verdict.RECORD", "verdict.Verdict"}:
        return None
    if "register.registry" not in names and "register.content" not in names:
        return {name: claim.get("values") for name, claim in registry().items()}
    seen = ("item", "notebook", "verdict", "values")
    claims = {name: [claim.get(field) for field in seen] for name, claim in registry().items()}
    if "register.content" not in names:
        return claims
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
    failed = output.with_suffix(".failed.ipynb") if output.name else output
    try:
        _see_that_paths_can_be(notebook, output)
        _see_that_nothing_is_lost(notebook, output, failed)
    except OSError as error:
        raise ParameterError(f"{error.filename}: {error.strerror}") from None
    if not (cell_timeout >= 1 and cell_timeout in (math.inf, cell_timeout // 1)):
        raise ParameterError(f"--cell-timeout {cell_timeout}: expected whole seconds, at least 1, or inf for no limit")
    values = resolve(notebook, profile, parameters or {})
    fingerprint, code = notebook_fingerprint(notebook, values), made_by(notebook)
    try:
        processors()  # what cannot be told afterwards is said before
    except ValueError as error:
        raise ParameterError(str(error)) from None

    temporary = _room_for(output)
    started = time.monotonic()
    try:
        try:
            with peak_of_children() as peak:
                executed = _executed(notebook, temporary, values, cell_timeout)
            wrong = faults(executed)
            if wrong:
                raise RuntimeError("; ".join(wrong))
            executed.metadata["companion"] = {
                "fingerprint": fingerprint,
                "profile": profile,
                "parameters": values,
                "code": code,
                "seconds": round(time.monotonic() - started, 1),
                "memory": peak.megabytes,
                "ran": provenance.facts(str(values.get("device", "cpu"))),
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
            reason = "\n".join([str(error).strip() or type(error).__name__, *getattr(error, "__notes__", [])])
            where = f"see {failed}" if kept else "how far it got could not be saved"
            raise NotebookFailed(f"{notebook} failed; {where}\n{reason}") from error
        failed.unlink(missing_ok=True)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _executed(notebook: Path, temporary: Path, values: dict[str, object], cell_timeout: float) -> nbformat.NotebookNode:
    """Run a notebook, saved as it goes, in a kernel of its own."""

    def work() -> nbformat.NotebookNode:
        return papermill.execute_notebook(
            _literal(notebook),
            _literal(temporary),
            parameters=values,
            cwd=str(notebook.parent),
            kernel_name="python3",
            kernel_manager_class=kernel,
            execution_timeout=None if cell_timeout == math.inf else int(cell_timeout),
            progress_bar={"desc": notebook.stem},
            # The kernel's only client is on this machine: no warning about unencrypted loopback sockets.
            extra_arguments=["--log-level=40"],
        )

    with own_kernel() as kernel:
        try:
            return kernel.run(work)
        except Exception as error:
            if words := kernel.said():
                error.add_note(words)
            raise


def _literal(path: Path) -> str:
    """A path as papermill takes it: it replaces what is in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _see_that_paths_can_be(notebook: Path, output: Path) -> None:
    """Refuse paths that no notebook can have, and those whose bytes are no text, which a notebook cannot record."""
    if not notebook.is_file():
        raise ParameterError(f"no notebook at {notebook}")
    if output.suffix != ".ipynb" or output.is_dir():
        raise ParameterError(f"OUTPUT {output}: expected the path of a file that ends in .ipynb")
    for path in (notebook, output):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise ParameterError(f"{str(path)!r}: expected a path in UTF-8") from None


def _see_that_nothing_is_lost(notebook: Path, output: Path, failed: Path) -> None:
    """Refuse paths where a run would replace or remove a notebook that no run has written: a source, or the input."""
    for path in (output, failed):
        if path.is_symlink():
            raise ParameterError(
                f"OUTPUT {output}: {path} is a symbolic link, which the run would replace; name a file"
            )
        if not path.exists():
            continue
        if path.samefile(notebook):
            raise ParameterError(
                f"OUTPUT {output}: {path} is the notebook itself, which the run would replace or remove; sources stay "
                "without outputs, choose another path"
            )
        if not path.is_file() or _is_source(path):
            raise ParameterError(
                f"OUTPUT {output}: {path} is there and no run has written it; move it away or choose another path"
            )


def _is_source(path: Path) -> bool:
    """Whether a file is a notebook, and not one that a run left."""
    return _is_notebook(path) and "papermill" not in nbformat.read(path, as_version=4).metadata


def _room_for(output: Path) -> Path:
    """Where to run, after seeing that files can be written there."""
    temporary = temporary_beside(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        clear_stale(output.parent, output)
        temporary.touch()
    except OSError as error:
        raise NotebookFailed(f"cannot write to {output.parent} ({error.strerror}); nothing was run") from error
    return temporary


def _is_notebook(path: Path) -> bool:
    try:
        return bool(nbformat.read(path, as_version=4).cells)
    except Exception:  # empty, or cut off by a full disk
        return False
