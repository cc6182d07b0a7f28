"""Notebooks and books in miniature, for tests that run them for real."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from utils.files import ROOT

KERNEL = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
PARAMETERS = 'width = 8  # [n, 100] width\nn = 2  # [1, 50] batch size\ndepth = 3  # [1, 10] layers\nname = "a"  # {a, b}\nseed = 0  # [0, 99] of the stream'


def notebook(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook: a title, the parameters cell, and one code cell a source."""
    cells = [nbformat.v4.new_markdown_cell(f"# {path.stem}")]
    cells += [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path


JUDGE = """
import sys; sys.path.insert(0, "..")
import numpy as np
from utils.claims import judge
from utils.stats.measurement import Measurement
x = np.random.default_rng(seed).normal(size=99) + 9 * (seed == 13)
judge("one", [Measurement("a", x, 1.0)], controls={"shifted": [Measurement("a", x + 2, 1.0)]}, scale=f"width {width}")
"""
CLAIMS = """
claims:
  one:
    item: ours
    statement: the mean is at most one
    published: not in the paper
    kind: slack
    expected: [0, null]
    alpha: 1.0e-4
    controls:
      shifted: refuted
    verdict: supported
"""
ITEMS = """
paper:
  - item: Lemma 1
    says: the mean is small
    found: It is.
    claims: [one, one.later]
  - item: Table 1
    says: symbols
    reason: notation
ours: []
"""
INTRO = """# Intro

```{include} _generated/counts.md
```

```{raw} html
:file: _generated/overview.html
```

```{include} _generated/error_budget.md
```

```{raw} html
:file: _generated/run.html
```

$x^2$ and {doc}`../notebooks/first`
"""
LEDGER = """# Claims

```{raw} html
:file: _generated/filters.html
```

```{raw} html
:file: _generated/ledger_paper.html
```
"""


def book(root: Path) -> Path:
    """A book of two notebooks on a copy of our own code, with a registry of one claim."""
    shutil.copytree(ROOT / "utils", root / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    data = root / "utils" / "claims" / "data"
    for path in data.glob("*.yml"):
        path.unlink()
    (data / "first.yml").write_text(CLAIMS)
    (data / "items.yml").write_text(ITEMS)
    files = "".join(f"- file: {name}\n" for name in ("book/claims", "notebooks/first", "notebooks/second"))
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: book/intro\nchapters:\n{files}")
    (root / "book").mkdir()
    for name in ("_static", "_ext"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "book" / "references.bib").write_text("")
    (root / "book" / "intro.md").write_text(INTRO)
    (root / "book" / "claims.md").write_text(LEDGER)
    notebook(root / "notebooks" / "first.ipynb", JUDGE)
    notebook(root / "notebooks" / "second.ipynb", "width * 2")
    (root / "notebooks" / "profiles.yml").write_text("cifar:\n  second: {width: 16}\n")
    return root


def run(root: Path, module: str, *arguments: object) -> subprocess.CompletedProcess:
    """``python -m module`` in a tree."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
