"""Every fault test is named by a mutation that it was seen failing under, and every mutation still finds its text."""

import ast
import importlib.util

from utils.files import ROOT

SPEC = importlib.util.spec_from_file_location("mutate", ROOT / "tests" / "faults" / "mutate.py")
mutate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutate)
GUARDS = [
    *sorted((ROOT / "tests" / "faults").glob("test_*.py")),
    ROOT / "tests/test_gate.py",
    ROOT / "tests/test_faults_data.py",
]


def test_every_fault_test_has_a_mutation_and_every_mutation_finds_its_text():
    entries = mutate.mutations()
    named = {name.split("[")[0] for entry in entries for name in entry["tests"]}
    written = {
        f"{path.relative_to(ROOT).as_posix()}::{node.name}"
        for path in {*GUARDS, *(ROOT / name.split("::")[0] for name in named)}
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert named <= written, "mutations.yml names tests that are gone"
    guards = {name for name in written if ROOT / name.split("::")[0] in GUARDS}
    assert guards <= named, "add a mutation to tests/faults/mutations.yml and see the test fail: make mutate"
    assert all(entry["replace"] != entry["find"] for entry in entries)
