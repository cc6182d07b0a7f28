"""What readers read: Markdown of pages and notebooks, captions, alternative texts, statements, and sentences in code, Python's or the page's."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from utils.files import ROOT

# What is not prose: code, mathematics, addresses, roles and directives' heads, citations.
NOT_PROSE = re.compile(
    r"```.*?```|``.*?``|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|\{[\w:-]+\}|https?://\S+|<[^>\n]*>|\]\([^)\s]*\)", re.DOTALL
)


def _of_code(source: str) -> Iterator[str]:
    """Strings with a space in them: messages, labels, docstrings. What an f-string puts in is left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def _of_notebook(path: Path) -> Iterator[str]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        yield from _of_code(source) if cell["cell_type"] == "code" else [source]
        shown = cell["metadata"].get("mystnb", {})
        yield from (shown[part][key] for part, key in (("figure", "caption"), ("image", "alt")) if part in shown)


def _of_script(source: str) -> Iterator[str]:
    """Sentences in JavaScript: strings with words and spaces in them, without what a template puts in."""
    code = re.sub(r"/\*.*?\*/|(?<![:'])//[^\n]*", "", source, flags=re.DOTALL)  # no comments
    for _, text in re.findall(r"""([`"'])((?:\\.|(?!\1).)*)\1""", code, flags=re.DOTALL):
        if re.search(r"[a-z] [a-z]", text):
            yield re.sub(r"\$\{[^{}]*\}", "…", text)


def _of_values(node: object) -> Iterator[str]:
    if isinstance(node, str) and " " in node:
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _of_values(value)


def prose(path: Path) -> Iterator[str]:
    """Texts of a file, in order, without what is not prose."""
    texts = {
        ".ipynb": lambda: _of_notebook(path),
        ".py": lambda: _of_code(path.read_text(encoding="utf-8")),
        ".js": lambda: _of_script(path.read_text(encoding="utf-8")),
        ".yml": lambda: _of_values(yaml.safe_load(path.read_text(encoding="utf-8"))),
    }.get(path.suffix, lambda: [path.read_text(encoding="utf-8")])()
    for text in texts:
        yield NOT_PROSE.sub(" … ", text)


def written() -> list[Path]:
    """Files with prose."""
    kinds = (
        "*.md",
        "book/*.md",
        "book/api/*.md",
        "book/_static/*.js",
        "notebooks/*.ipynb",
        "utils/**/*.py",
        "utils/claims/data/*.yml",
        "utils/**/*.j2",
    )
    return sorted(path for kind in kinds for path in ROOT.glob(kind))
