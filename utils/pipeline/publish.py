"""The published repository's address: in the book's Binder and Colab buttons, and in the notebooks they open.

Nothing committed holds the address. The publishing workflow sets ``COMPANION_REPOSITORY``; the build then draws the buttons,
and ``.ci/live`` pushes what they open: the published commit on a branch of its own, where ``python -m utils.pipeline.publish FOLDER`` has
written the address into every notebook's first cell. A notebook that is opened alone knows from there which code is its own.
Only the standard library is needed here.
"""

import os
import re
import sys
from pathlib import Path

from utils.processes.commands import command
from utils.processes.options import Options
from utils.provenance import commit

__all__ = ["BRANCH", "address", "main", "revision", "stamped", "with_buttons"]

BRANCH = "live"
# The end of the line in a notebook's first cell that says where the code comes from, as its JSON has it.
UNSTAMPED = r"os.environ.get(\"COMPANION_REPOSITORY\"), \"HEAD\""
GITHUB = re.compile(r"(https://github\.com/[\w.-]+/[\w.-]+?)(\.git)?/?")


def address() -> str | None:
    """The repository's address, ``https://github.com/OWNER/NAME``, from ``COMPANION_REPOSITORY``.

    Returns
    -------
    str or None
        ``None`` where the variable is not set, or empty.

    Raises
    ------
    ValueError
        If it is anything else: Binder and Colab would not find it.
    """
    given = os.environ.get("COMPANION_REPOSITORY")
    if not given:
        return None
    found = GITHUB.fullmatch(given)
    if found is None:
        raise ValueError(
            f"COMPANION_REPOSITORY is {given!r}, but the book's Binder and Colab buttons need https://github.com/OWNER/NAME; "
            "unset it to build the book without buttons"
        )
    return found[1]


def revision() -> str:
    """The commit whose code a published notebook fetches; ``HEAD`` outside git."""
    return (commit() or "HEAD").removesuffix("-dirty")


def stamped(notebook: str, repository: str, revision: str) -> str:
    """A notebook that knows where its code is.

    Parameters
    ----------
    notebook : str
        Text of a notebook file.
    repository : str
        :func:`address`.
    revision : str
        :func:`revision`.

    Returns
    -------
    str
        The same text but for one line of the first cell.

    Raises
    ------
    ValueError
        If that line is not there exactly once.
    """
    if (times := notebook.count(UNSTAMPED)) != 1:
        raise ValueError(
            f"the line of the set-up cell that names the repository was found {times} times, expected once; "
            "copy that cell from another notebook of the book"
        )
    return notebook.replace(UNSTAMPED, rf"\"{repository}\", \"{revision}\"")


def with_buttons(config: dict, repository: str) -> dict:
    """``_config.yml`` with the buttons that lead to the repository.

    Parameters
    ----------
    config : dict
        As committed: without any.
    repository : str

    Returns
    -------
    dict
        Every notebook page has a button for Binder and one for Colab, every page one for the repository.
    """
    return config | {
        "repository": {"url": repository, "branch": BRANCH},
        "launch_buttons": config["launch_buttons"]
        | {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"},
        "html": config["html"] | {"use_repository_button": True},
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = Options(
        prog="python -m utils.pipeline.publish",
        description="Write the address into every notebook of a checkout, in place: not in your own, see .ci/live.",
    )
    parser.add_argument("folder", type=Path, help="root of the checkout to change")
    folder = parser.parse_args(arguments).folder
    try:
        repository = address()
        if repository is None:
            raise ValueError("COMPANION_REPOSITORY is not set; give it the repository's address")
        notebooks = sorted((folder / "notebooks").glob("*.ipynb"))
        texts = [stamped(path.read_text(encoding="utf-8"), repository, revision()) for path in notebooks]
        binder = folder / ".binder" / "requirements.txt"
        indices = "".join(f"--extra-index-url {url}\n" for url in os.environ.get("PIP_EXTRA_INDEX_URL", "").split())
        texts.append(indices + binder.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    for path, text in zip([*notebooks, binder], texts, strict=True):
        path.write_text(text, encoding="utf-8")
    print(f"{len(notebooks)} notebooks carry {repository}")
    return 0


if __name__ == "__main__":
    command(main)
