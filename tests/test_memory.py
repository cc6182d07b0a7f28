"""The memory that a notebook takes: its kernel's and that of what the kernel starts, at one time."""

import subprocess
import sys

from utils.processes.memory import peak_of_children

HOLD = "x = b'x' * {}; import time; time.sleep(0.6)"


def python(code):
    return subprocess.Popen([sys.executable, "-c", code])


def test_processes_of_processes_count_and_at_one_time():
    both = f"import subprocess, sys; [p.wait() for p in [subprocess.Popen([sys.executable, '-c', {HOLD.format(10**8)!r}]) for _ in 'ab']]"
    with peak_of_children() as peak:
        python(both).wait()
    assert 200 < peak.megabytes < 400


def test_a_peak_between_two_looks_counts(monkeypatch):
    monkeypatch.setattr("utils.processes.memory.EVERY", 60)
    with peak_of_children() as peak:
        python("b'x' * 4 * 10**8").wait()
    assert peak.megabytes > 400
