"""What is broken on purpose, and which claims must not survive it: the ``mutations`` of ``utils/claims/data``.

A new claim needs a mutation in its notebook's file::

    a_name:
      kind: sharp constant  # vanilla network, wrong exponent, sampler, labels; mended: what a refuted claim states is made true
      broken: What is broken, in one sentence.
      patch: scaled("theory.limits.gap_floor", 1.1)  # Python with the functions of utils.mutation.patches, run first
      claims: [its_id]  # what must not come out supported; if it is expected to be refuted, a control must give it away

It may also have ``blind`` (claims that may stay supported all the same, and why), ``forms`` (``[long]`` where the short form
would prove nothing) and ``store: honest`` (sweeps are computed by honest code, broken after). Under ``short`` is what the
short form changes: ``set`` a parameter, or a constant that some cell sets to a literal; ``leave`` a claim that so few runs
cannot tell from chance; ``kept``, committed results in place of training again.
"""

from pathlib import Path

from utils import claims
from utils.claims.register import DATA, content

__all__ = ["KINDS", "registry"]

KINDS = ("vanilla network", "sharp constant", "wrong exponent", "sampler", "labels", "mended")
FIELDS = {"kind", "broken", "claims", "patch"}
OPTIONAL = {"blind", "store", "forms"}


def registry(folder: Path = DATA) -> tuple[dict[str, dict], dict[str, dict]]:
    """Mutations by name, and what the short form changes in each notebook; checked for form.

    Parameters
    ----------
    folder : Path
        With one file per notebook, see :mod:`utils.claims.register`.

    Returns
    -------
    mutations : dict of str to dict
        Fields as in the files, and ``notebook``.
    short : dict of str to dict
        Notebook to ``set`` (names of parameters and other constants to values), ``leave`` (claims that so little cannot
        tell apart, or take too long, left to the long form) and ``kept`` (committed results that replace sweeps).

    Raises
    ------
    ValueError
        If an entry lacks or misspells a field, names an unknown kind, or a claim that its notebook does not judge; if a name
        is in two files.
    """
    found: dict[str, dict] = {}
    parts = content(folder)
    known = claims.registry(folder)
    for notebook, part in parts.items():
        for name, entry in part.get("mutations", {}).items():
            where = f"{Path(folder) / notebook}.yml: mutation {name!r}"
            if name in found:
                raise ValueError(f"{where} is in {found[name]['notebook']}.yml too; one place each")
            fields = set(entry) - OPTIONAL
            if fields != FIELDS:
                raise ValueError(f"{where} misses {FIELDS - fields or 'nothing'}, has unknown {fields - FIELDS}")
            if entry["kind"] not in KINDS:
                raise ValueError(f"{where}: kind {entry['kind']!r}, expected one of {', '.join(KINDS)}")
            for claim in [*entry["claims"], *entry.get("blind", {})]:
                if claim not in known or known[claim]["notebook"] != notebook:
                    raise ValueError(f"{where}: claim {claim!r} is not one that {notebook} judges")
                if entry["kind"] == "mended" and known[claim]["verdict"] != "refuted":
                    raise ValueError(f"{where} mends {claim!r}, which is not expected to be refuted")
            found[name] = {"notebook": notebook} | entry
    return found, {notebook: part["short"] for notebook, part in parts.items() if "short" in part}
