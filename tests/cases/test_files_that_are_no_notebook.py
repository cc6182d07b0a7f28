"""``run`` on an empty file, ``[1,2]``, nbformat 3, a BOM, a notebook without kernelspec; and a build whose notebook is one."""

import json
import os

import nbformat
import pytest
from books import book, notebook, run

from utils.run import main


def changed(source, **fields):
    return json.dumps(json.loads(source.read_text()) | fields).encode()


def with_cells(source, **fields):
    return changed(source, cells=[cell | fields for cell in json.loads(source.read_text())["cells"]])


def three(source):
    return nbformat.writes(nbformat.convert(nbformat.read(source, as_version=4), 3), version=3).encode()


CASES = {
    "empty": lambda source: b"",
    "a list": lambda source: b"[1,2]",
    "a number": lambda source: b"4",
    "no nbformat": lambda source: b"{}",
    "nbformat a word": lambda source: changed(source, nbformat="four"),
    "nbformat 3": three,
    "nbformat 5": lambda source: changed(source, nbformat=5),
    "a BOM": lambda source: b"\xef\xbb\xbf" + source.read_bytes(),
    "UTF-16": lambda source: source.read_text().encode("utf-16"),
    "Latin-1": lambda source: source.read_bytes().replace(b"# n", "# é".encode("latin-1")),
    "cut off": lambda source: source.read_bytes()[:-40],
    "nested without end": lambda source: b"[" * 100_000,
    "cells no list": lambda source: changed(source, cells={}),
    "a cell without source": lambda source: changed(source, cells=[{"cell_type": "code", "metadata": {}}]),
    "one id for all cells": lambda source: with_cells(source, id="same"),
    "parameters of an earlier run": lambda source: with_cells(source, metadata={"tags": ["injected-parameters"]}),
    "no kernelspec": lambda source: changed(source, metadata={}),
    "kernelspec without a name": lambda source: changed(source, metadata={"kernelspec": {"display_name": "Python 3"}}),
    "another language": lambda source: changed(
        source, metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_and_exit_2(case, tmp_path, capsys):
    source = notebook(tmp_path / "in" / "n.ipynb", "width")
    source.write_bytes(CASES[case](source))
    assert main([str(source), str(tmp_path / "out" / "o.ipynb")]) == 2
    said = capsys.readouterr().err
    assert str(source) in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_pipe_is_no_notebook(tmp_path, capsys):
    os.mkfifo(tmp_path / "n.ipynb")
    assert main([str(tmp_path / "n.ipynb"), str(tmp_path / "o.ipynb")]) == 2
    assert "no notebook at" in capsys.readouterr().err


@pytest.mark.slow
def test_a_build_keeps_them_out(tmp_path):
    root = book(tmp_path)
    (root / "notebooks" / "second.ipynb").write_text("[1,2]")
    done = run(root, "utils.build")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "second.ipynb is not a notebook" in done.stderr
