import os
import platform
import time

import pytest

from utils.files import clear_stale, replacing, temporary_beside, write_atomically


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert path.read_text() == "old" and temporary.parent == tmp_path
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_atomically(path, "new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_only_what_nobody_writes_any_more_is_cleared(tmp_path):
    ours = temporary_beside(tmp_path / "a.json")
    dead = ours.with_name(
        ours.name.replace(f".{os.getpid()}.tmp", f".{2**22 + 1}.tmp")
    )  # beyond the largest process number
    elsewhere, old = (tmp_path / f".{name}.other-machine.1.tmp.json" for name in ("young", "old"))
    finished = tmp_path / "a.json"
    for path in (ours, dead, elsewhere, old, finished):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert platform.node() in ours.name and dead != ours
    clear_stale(tmp_path)
    assert set(tmp_path.iterdir()) == {ours, elsewhere, finished}
    clear_stale(tmp_path / "no such folder")
