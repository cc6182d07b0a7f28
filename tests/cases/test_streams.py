"""Standard streams that are closed, full or read by nobody: a command ends as it would, and says what it can."""

import subprocess
import sys

import pytest

from utils.files import ROOT

COMMAND = """
import os, sys
from utils.processes.commands import command
def main():
    print("out \\udcff", flush=True)
    print("err", file=sys.stderr)
    os.mkdir(sys.argv[1])
    return 0
command(main)
"""
STREAMS = {
    "open": ("", 0, "err"),
    "closed": ("<&- >&- 2>&-", 0, ""),
    "errors closed": ("2>&-", 0, ""),
    "errors on a full disk, as a log may be": ("2>/dev/full", 0, ""),
    "output on a full disk": (">/dev/full", 1, "No space left on device"),
    "output that nobody reads": ("| exec true", 128 + 13, ""),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_command_ends_in_order(case, tmp_path):
    streams, status, words = STREAMS[case]
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    first = "sleep 1; exec" if "|" in streams else "exec"  # until nobody reads
    shell = f"set -o pipefail; ({first} {sys.executable} {script} {tmp_path / 'made'}) {streams}"
    done = subprocess.run(
        ["bash", "-c", shell],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == status, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert status or (tmp_path / "made").is_dir()
