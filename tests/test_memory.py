"""The memory that a notebook takes: its kernel's and that of what the kernel starts, at one time."""

from books import run

from utils.files import ROOT

# In a process of its own: a child begins with what its parent holds, and ours holds more than what is measured.
WATCH = """
import subprocess, sys
from utils.processes import memory
memory.EVERY = {every}
with memory.peak_of_children() as peak:
    subprocess.run([sys.executable, "-c", {code!r}])
print(peak.megabytes)
"""


def peak(code, every=0.1):
    return int(run(ROOT, "-c", WATCH.format(code=code, every=every)).stdout)


def test_processes_of_processes_count_at_one_time():
    hold = "import sys; x = b'x' * 10**8; print(1, flush=True); sys.stdin.read()"
    start = f"subprocess.Popen([sys.executable, '-c', {hold!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)"
    both = f"import subprocess, sys, time; two = [{start} for _ in 'ab']; [p.stdout.readline() for p in two]; time.sleep(0.5); [p.communicate() for p in two]"
    assert 200 < peak(both) < 300


def test_a_peak_between_two_looks_counts():
    assert 200 < peak("b'x' * 2 * 10**8", every=60) < 300
