"""Words that readers would stumble over."""

import re
import subprocess
import sys

import pytest
from prose import prose, written

from utils.files import ROOT

# What to write instead is in CONTRIBUTING.md.
TICS = {
    r"\bspeaks?\b(?! to)": "is non-vacuous, covers, is about",
    r"\bstands?\b(?!-)": "is, holds, comes",
    r"\b(one|rows?|columns?|values?|files?|factor|growth|price|cost|seconds|\d|numbers?|line|matrix|quadrature) a "
    r"(layer|seed|step|second|sample|replica|run|batch|notebook)\b": "per layer",
    r"\bas it must be\b": "as intended",
    r"\bis asked of\b": "needs",
    r"\bcan be had\b": "there is",
    r"\bsays nothing\b": "is vacuous",
    r"(?i)\bcentring\b(?!, |\.printed|\))": "centering",  # the id and streams keep their spelling
}
#: Names that are not words: an interface's ids, a function, abbreviations.
NAMES = "centring,orthogonalising,ot,nd,burnin"


@pytest.mark.parametrize("path", written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_tics(path):
    found = [
        f"{text[max(0, m.start() - 40) : m.end() + 20]!r}: write {instead}"
        for text in prose(path)
        for tic, instead in TICS.items()
        for m in re.finditer(tic, text)
    ]
    assert not found, "\n".join(found)


def test_american_spelling():
    """Of everything readers read, by codespell's dictionaries."""
    text = "\n".join(f"{path.name}: {line}" for path in written() for part in prose(path) for line in part.splitlines())
    command = [sys.executable, "-m", "codespell_lib", "--builtin", "clear,rare,en-GB_to_en-US", "-L", NAMES, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
