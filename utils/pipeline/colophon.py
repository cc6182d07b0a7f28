"""How this copy of the book was made: on what, in how long, and how far other machines agree with it."""

import os
import platform
from html import escape
from pathlib import Path

import nbformat
import torch

from utils.claims import compare
from utils.provenance import commit, processor, versions
from utils.stats.text import number

__all__ = ["agreements", "describe", "picture", "run", "titles"]


def describe(profile: str, executed: list[Path], *, threads: int) -> dict:
    """What ``claims.json`` says of the build beside the claims.

    Parameters
    ----------
    profile : str
    executed : list of Path
        The notebooks as they ran.
    threads : int
        Of each process.

    Returns
    -------
    dict
        ``profile``, ``commit``, ``date`` (the last notebook's, UTC), ``python``, ``versions``, ``device``, ``cores``,
        ``threads`` and ``seconds`` (of each notebook, by name).
    """
    runs = {path.stem: nbformat.read(path, as_version=4).metadata for path in executed}
    device = processor()
    if torch.cuda.is_available() and any(r["companion"]["parameters"].get("device") == "cuda" for r in runs.values()):
        device += f", {torch.cuda.get_device_name()}"
    return {
        "profile": profile,
        "commit": commit(),
        "date": max(run["papermill"]["end_time"] for run in runs.values())[:10],
        "python": platform.python_version(),
        "versions": versions(),
        "device": device,
        "cores": os.cpu_count(),
        "threads": threads,
        "seconds": {name: run["companion"]["seconds"] for name, run in runs.items()},
    }


def titles(executed: list[Path]) -> dict[str, str]:
    """Title of each notebook, by its name: its first heading."""
    return {
        path.stem: nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ")
        for path in executed
    }


def picture(notebook: Path) -> tuple[str, str] | None:
    """First figure of an executed notebook that has a caption and words for those who cannot see it.

    Parameters
    ----------
    notebook : Path

    Returns
    -------
    (str, str) or None
        The SVG, and the Markdown that shows it from beside ``picture.svg``; ``None`` if there is no such figure.
    """
    for cell in nbformat.read(notebook, as_version=4).cells:
        about = cell.metadata.get("mystnb", {})
        for output in cell.get("outputs", []):
            drawn = output.get("data", {}).get("image/svg+xml")
            if drawn and "figure" in about:
                return drawn, (
                    f"```{{figure}} _generated/picture.svg\n:name: fig-landing\n:alt: {about['image']['alt']}\n\n"
                    f"{about['figure']['caption']}\n```\n"
                )
    return None


def run(made: dict, names: dict[str, str]) -> str:
    """HTML tables of a build: what it ran on, and how long each notebook took.

    Parameters
    ----------
    made : dict
        As :func:`describe` returns it.
    names : dict of str to str
        Titles, see :func:`titles`.

    Returns
    -------
    str
    """
    facts = {
        "Profile": f"<code>{escape(made['profile'])}</code>",
        "Commit": f"<code>{escape(str(made['commit'])[:12])}</code>",
        "Run on": escape(made["date"]),
        "Device": f"{escape(made['device'])}, {made['cores']} cores",
        "Threads": f"{made['threads']} in each process, up to {made['cores']} processes",
        "Python": escape(made["python"]),
        "Versions": escape(", ".join(f"{name} {version}" for name, version in made["versions"].items())),
    }
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in facts.items())
    times = "".join(
        f'<tr><th scope="row"><a href="../notebooks/{name}.html">{escape(names[name])}</a></th><td>{seconds:.0f} s</td></tr>'
        for name, seconds in made["seconds"].items()
    )
    total = sum(made["seconds"].values())
    return (
        f'<table class="numbers facts" aria-label="This copy of the book"><tbody>{rows}</tbody></table>\n'
        '<table class="numbers facts" aria-label="Time of each notebook"><thead><tr><th scope="col">Notebook</th>'
        f'<th scope="col">Time</th></tr></thead><tbody>{times}<tr><th scope="row">All of them, one after the other</th>'
        f"<td>{total:.0f} s ({total / 60:.1f} min)</td></tr></tbody></table>\n"
    )


def agreements(kept: dict[str, dict]) -> str:
    """HTML table of kept comparisons (:mod:`utils.claims.compare`) with the build they were compared with.

    Parameters
    ----------
    kept : dict of str to dict
        Contents of ``book/agreement.json``.

    Returns
    -------
    str
    """
    rows = how = ""
    for name, one in kept.items():
        total = compare.summary(
            [
                {"id": claim, "agree": agree, "identical": identical, "apart": apart}
                for claim, (agree, identical, apart) in one["claims"].items()
            ]
        )
        notebooks = ", ".join(notebook.partition("_")[0] for notebook in one["notebooks"])
        verdicts = "all the same" if total["agree"] == total["claims"] else f"{total['agree']} the same"
        largest = f"{number(total['apart'])} (<code>{total['where']}</code>)" if total["apart"] else "none"
        rows += (
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(notebooks)}</td><td>{total["claims"]}</td>'
            f"<td>{total['identical']}</td><td>{largest}</td><td>{verdicts}</td></tr>"
        )
        how += (
            f"<dt>{escape(name)}</dt><dd>{escape(one['how'])}; {escape(str(one['date']))}, {escape(one['device'])}, commit "
            f"<code>{escape(str(one['commit'])[:10])}</code></dd>"
        )
    heads = ("What was different", "Notebooks", "Claims", "Identical", "Largest distance", "Verdicts")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        '<div class="scrolled" role="region" aria-label="Agreement of runs" tabindex="0"><table class="numbers facts">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
        f'<details class="facts"><summary>How these runs were made</summary><dl>{how}</dl></details>\n'
    )
