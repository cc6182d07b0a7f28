"""See the fault tests fail: ``python tests/faults/mutate.py [WORD…]`` breaks what they guard (``mutations.yml``), one thing at a time.

Each mutation is made in a copy of the repository that is thrown away. A test that passes there guards nothing: it is listed,
and the exit status is 1. A WORD chooses mutations whose file, text or tests contain it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutations.yml")


def mutations() -> list[dict]:
    """Entries of ``mutations.yml``, its tests as pytest names them.

    Raises
    ------
    ValueError
        If a text to replace is not in its file exactly once.
    """
    entries = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    for entry in entries:
        count = (ROOT / entry["file"]).read_text(encoding="utf-8").count(entry["find"])
        if count != 1:
            raise ValueError(f"{LIST.name}: {entry['find']!r} occurs {count} times in {entry['file']}, expected once")
        entry["tests"] = [f"tests/{name}" for name in entry["tests"]]
    return entries


def survivors(entry: dict) -> list[str]:
    """Tests of a mutation that pass in spite of it; prints what the others say."""
    with tempfile.TemporaryDirectory(prefix="mutated-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "_build", "_preview*", "__pycache__")
        )
        path = copy / entry["file"]
        path.write_text(path.read_text(encoding="utf-8").replace(entry["find"], entry["replace"]), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=line",
            "-rfE",
            "-m",
            "faults or not faults",
            *entry["tests"],
        ]
        environment = os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "300"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=1800)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest did not finish ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    # A test that could not even start has not been seen failing.
    failed = dict(re.findall(r"^FAILED (.+?\]?)(?: - (.*))?$", done.stdout, re.MULTILINE))
    for name, why in failed.items():
        print(f"    {name.removeprefix('tests/')}: {why}", flush=True)
    return [name for name in entry["tests"] if not any(f == name or f.startswith(f"{name}[") for f in failed)]


def main(words: list[str]) -> int:
    """Command line; returns the exit status."""
    chosen = [entry for entry in mutations() if not words or any(word in str(entry) for word in words)]
    lived = []
    for position, entry in enumerate(chosen, 1):
        started = time.monotonic()
        print(
            f"{position}/{len(chosen)} {entry['file']}: {entry['find'].strip()!r} -> {entry['replace'].strip()!r}",
            flush=True,
        )
        for name in survivors(entry):
            lived.append(f"{name} survives {entry['find'].strip()!r} -> {entry['replace'].strip()!r}")
            print(f"    SURVIVES: {name}", flush=True)
        print(f"    {time.monotonic() - started:.0f} s", flush=True)
    print("\n".join(lived) or f"{len(chosen)} mutations: every test was seen failing")
    return 1 if lived or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
