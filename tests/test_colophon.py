"""What the pages say of how the book was made, from notebooks made up."""

import nbformat
import pytest

from utils.pipeline import colophon

ABOUT = {"mystnb": {"figure": {"caption": "A gap.", "name": "fig-gap"}, "image": {"alt": "A falling line."}}}


def cell(data, **metadata):
    output = nbformat.v4.new_output("display_data", data=data)
    return nbformat.v4.new_code_cell("plot()", outputs=[output], metadata=metadata)


@pytest.fixture
def executed(tmp_path):
    def write(name, *cells, seconds=90.0, end="2026-01-02T03:04:05", parameters=None):
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(f"# Title of {name}\n\nText."), *cells]
        )
        notebook.metadata["companion"] = {"seconds": seconds, "parameters": parameters or {}}
        notebook.metadata["papermill"] = {"end_time": end}
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        return tmp_path / f"{name}.ipynb"

    return write


def test_the_picture_is_the_first_figure_with_its_own_words(executed):
    plain = cell({"image/svg+xml": "<svg>plain</svg>"})
    table = cell({"text/html": "<table/>"}, **ABOUT)
    shown = executed("01_a", plain, table, cell({"image/svg+xml": "<svg>one</svg>"}, **ABOUT))
    drawn, markdown = colophon.picture(shown)
    assert drawn == "<svg>one</svg>"
    assert ":alt: A falling line.\n\nA gap.\n" in markdown and "_generated/picture.svg" in markdown
    assert colophon.picture(executed("02_b", plain)) is None


def test_a_build_is_described_by_its_notebooks(executed):
    paths = [executed("01_a", seconds=60.0), executed("02_b", seconds=30.0, end="2026-01-03T00:00:00")]
    made = colophon.describe("fast", paths, threads=1)
    assert made["date"] == "2026-01-03" and made["seconds"] == {"01_a": 60.0, "02_b": 30.0} and made["threads"] == 1
    table = colophon.run(made | {"device": "<fast> machine"}, colophon.titles(paths))
    assert "Title of 02_b" in table and 'href="../notebooks/01_a.html"' in table
    assert "90 s (1.5 min)" in table and "&lt;fast&gt; machine" in table
