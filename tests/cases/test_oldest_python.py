"""``PATH=/usr/bin:/bin make book`` on stock Debian 12 (Python 3.11.2): a pin that did not install, after the check had passed."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from utils.files import ROOT

OLDEST = "3.11.2"
PINS = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]


def makes_of(line):
    """Name and version of a line, and whether the oldest Python on Linux installs it."""
    pin, _, marker = line.partition(" ; ")
    here = {"python_full_version": OLDEST, "python_version": "3.11", "sys_platform": "linux", "os_name": "posix"}
    return pin, not marker or Marker(marker).evaluate(here)


def test_one_oldest_python_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={OLDEST}"
    assert f"\nOLDEST  := {OLDEST}\n" in (ROOT / "Makefile").read_text()
    assert f"{tuple(map(int, OLDEST.split('.')))}" in (ROOT / "utils" / "pipeline" / "bootstrap.py").read_text()
    for page in ("README.md", "CONTRIBUTING.md", "book/reproduce.md"):
        assert re.findall(r"Python (3[\d.]*\d)", (ROOT / page).read_text())[0] == OLDEST


def test_every_pin_takes_the_oldest_python():
    """As the packages installed here say themselves; a lock made for a newer Python would bring one that does not."""
    known = {f"{d.name.lower().replace('_', '-').replace('.', '-')}=={d.version}": d for d in distributions()}
    pins = [pin for pin, wanted in map(makes_of, PINS) if wanted]
    asked = [known[pin] for pin in pins if pin in known]
    assert len(asked) > 0.9 * len(pins), "this environment is not the one of requirements.txt"
    refused = [d.name for d in asked if OLDEST not in SpecifierSet(d.metadata.get("Requires-Python") or "")]
    assert refused == []


@pytest.mark.parametrize(
    ("version", "status"), [("3.10.13", 2), ("3.11.1", 2), ("3.11.2", 0), ("3.12.0", 0), ("4.0.0", 0)]
)
def test_an_older_one_is_told_before_anything_is_installed(version, status, tmp_path):
    """``make``'s own check, with a Python that only says its version and refuses to do more."""
    (tmp_path / "requirements.txt").touch()
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] || exit 9\nexec python3 -c "import sys; sys.version_info = ({version.replace(".", ",")}); $2"\n'
    )
    python.chmod(0o755)
    command = ["make", "-f", ROOT / "Makefile", ".venv/.ready", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / ".venv" / "bin").exists()
    if status:
        assert (
            f"Python {OLDEST} or newer is needed, this is {version}" in done.stderr and "Setting up" not in done.stdout
        )
    else:
        assert "needed" not in done.stderr and "Setting up" in done.stdout
