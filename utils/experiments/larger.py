"""What kept runs of a larger scale say of a claim, for beside the verdict of a build: judged there, or too few to be judged."""

from utils.claims import registry
from utils.experiments import archive

__all__ = ["judged", "unjudged"]

NAMES = {"cifar10": "CIFAR-10"}


def judged() -> dict[str, list[dict]]:
    """Verdicts of committed runs, by claim.

    Returns
    -------
    dict of str to list of dict
        ``data``, ``profile``, ``verdict``, ``estimate``, ``interval``, ``kind`` (of the claim, as the registry has it), ``scale``,
        ``date`` and ``commit`` of each run.

    Examples
    --------
    >>> [(run["data"], run["verdict"]) for run in judged()["fig4"]]
    [('CIFAR-10', 'supported')]
    """
    found: dict[str, list[dict]] = {}
    for path in sorted(set(archive.FOLDER.glob("*/claims.csv")) - set(archive.FOLDER.glob("*.fast/claims.csv"))):
        tables, provenance = archive.load(path.parent.name)
        data = provenance["parameters"].get("data", "")
        about = {
            "data": NAMES.get(data, data), "profile": path.parent.name.rpartition(".")[2], "date": provenance["date"],
            "commit": provenance["commit"],
        }  # fmt: skip
        for row in tables["claims"].to_dict("records"):
            if row["id"] in registry():
                seen = {name: row[name] for name in ("verdict", "estimate", "scale")}
                kind = {"kind": registry()[row["id"]]["kind"], "interval": [row["low"], row["high"]]}
                found.setdefault(row["id"], []).append(seen | kind | about)
    return found


def unjudged() -> dict[str, list[str]]:
    """What runs with fewer seeds than a judgment needs have come to, by claim, a sentence for each run.

    Returns
    -------
    dict of str to list of str
        For the claims that name such runs, and the arms of them that they are about, as ``beside``.

    Examples
    --------
    >>> unjudged()["fig4"]
    ['CIFAR-10, width 800, depth 30, 800 steps, 1 seed: loss 1.59 (Xavier), 1.49 (iterative).']
    """
    found = {}
    for claim, entry in registry().items():
        for name, arms in entry.get("beside", {}).items():
            runs = archive.load(name)[0]["runs"].set_index("arm").loc[list(arms)]
            first = runs.iloc[0]
            seeds = runs.seed.nunique()
            where = (
                f"{NAMES.get(first.task, first.task)}, width {first.width}, depth {first.depth}, {first.steps:,} steps"
            )
            losses = ", ".join(
                f"{'diverged' if loss != loss else f'{loss:.2f}'} ({arms[arm]})"
                for arm, loss in runs.groupby(level=0, sort=False).loss.mean().items()
            )
            said = f"{where}, {seeds} seed{'s' if seeds > 1 else ''}: loss {losses}."
            found.setdefault(claim, []).append(said)
    return found
