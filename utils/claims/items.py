"""What the paper consists of, item by item, and which claims judge each: ``utils/claims/data/items.yml``."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from utils.files import read_yaml

__all__ = ["Item", "missing", "read"]

ITEMS = Path(__file__).parent / "data" / "items.yml"
PARTS = ("paper", "ours")


@dataclass(frozen=True)
class Item:
    """A figure, theorem or remark, and the claims that judge it.

    Attributes
    ----------
    item, says : str
        Its name, and what it says in a few words.
    ours : bool
        Whether this book added it.
    claims : tuple of str
        Ids; a claim that nobody registered yet is one that is not judged.
    against : tuple of str
        Those of them that state the opposite of what the item says.
    found, reason : str
        What the verdicts amount to; in place of claims, why there are none. Empty if not given.
    """

    item: str
    says: str
    ours: bool
    claims: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    found: str = ""
    reason: str = ""


def read(path: Path = ITEMS) -> list[Item]:
    """Items in the order of the file, checked for form.

    Parameters
    ----------
    path : Path
        The book's own by default.

    Returns
    -------
    list of Item

    Raises
    ------
    ValueError
        If a field is missing, misspelt or empty, an item is there twice, a claim belongs to two items, or an item has
        neither claims nor a reason (or both).
    """
    parts = read_yaml(path)
    if set(parts) != set(PARTS):
        raise ValueError(f"{path}: has the parts {sorted(parts)}, expected {sorted(PARTS)}")
    items = [_item(entry, part == "ours", path) for part in PARTS for entry in parts[part] or []]
    for what, names in (("item", [i.item for i in items]), ("claim", [c for i in items for c in i.claims])):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ValueError(f"{path}: {what} {twice[0]!r} is there more than once; one place each")
    return items


def _item(entry: dict, ours: bool, path: Path) -> Item:
    name = entry.get("item")
    unknown = set(entry) - {"item", "says", "claims", "against", "found", "reason"}
    absent = {field for field in ("item", "says") if not entry.get(field)}
    if unknown or absent:
        raise ValueError(f"{path}: item {name!r} misses {sorted(absent)}, has unknown {sorted(unknown)}")
    if bool(entry.get("claims")) == bool(entry.get("reason")):
        raise ValueError(f"{path}: item {name!r} needs either claims or the reason why there are none")
    lists = {field: tuple(entry.get(field) or ()) for field in ("claims", "against")}
    if not set(lists["against"]) <= set(lists["claims"]):
        raise ValueError(f"{path}: item {name!r}: against={entry['against']} are not all among its claims")
    return Item(**{**entry, **lists}, ours=ours)


def missing(items: list[Item], claims: dict[str, dict]) -> list[str]:
    """Registered claims that belong to no item, one sentence each; empty if a reader finds them all.

    Parameters
    ----------
    items : list of Item
    claims : dict
        The registry.

    Returns
    -------
    list of str
    """
    listed = {name for item in items for name in item.claims}
    return [
        f"claim {name!r} is registered but belongs to no item of utils/claims/data/items.yml: "
        "add it to the item it judges, or to one under `ours`"
        for name in claims
        if name not in listed
    ]
