"""Commands that read what a build or a run wrote, on files that are something else: one sentence, exit 2."""

import pytest

from utils.claims import compare
from utils.experiments import archive

WRONG = {
    "empty": "",
    "a list": "[1, 2]",
    "an object": "{}",
    "claims no list": '{"claims": 3}',
    "no id": '{"claims": [{}]}',
}


@pytest.fixture(params=[*WRONG, "nothing", "a device"])
def path(request, tmp_path):
    if request.param == "a device":
        return "/dev/zero"
    path = tmp_path / "given.json"
    if request.param in WRONG:
        path.write_text(WRONG[request.param])
    return str(path)


@pytest.mark.parametrize("main", [lambda path: compare.main([path, path]), lambda path: archive.main([path])])
def test_one_sentence_and_exit_2(main, path, capsys):
    assert main(path) == 2
    said = capsys.readouterr().err
    assert path in said and said.count("\n") == 1
