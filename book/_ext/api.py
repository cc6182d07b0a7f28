"""Sphinx extension: what the docstrings of ``utils`` need to become pages.

Docstrings write indices and exponents as plain text, ``H_{ℓ+1}``, which reads well in a terminal; a page sets them.
"""

import re
import sys

CODE = re.compile(r"(``.*?``|:[\w:]+:`.*?`|`.*?`)")
# What an underscore follows that is an index: a sign, a letter that is not ASCII or stands alone; no name in code looks so.
INDEX = re.compile(r"(?<![a-zA-Z0-9_]{2})(?<=[^\s_])_(\{[^}]+\}|min|depth|[^\W_])(?![a-zA-Z0-9_])")
POWER = re.compile(r"\^(\{[^}]+\}|[^\W_])(?![a-zA-Z0-9_])")


def typeset(app, what, name, thing, options, lines) -> None:
    """Set indices and exponents outside code and examples."""
    example = False
    for position, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = CODE.split(line)
            parts[::2] = map(_set, parts[::2])
            lines[position] = "".join(parts)


def _set(text: str) -> str:
    def role(kind: str, content: str) -> str:
        return rf"\ :{kind}:`{content.strip('{}')}`\ "

    text = POWER.sub(lambda found: role("sup", found[1]), text)
    return INDEX.sub(lambda found: role("sub", found[1]), text)


def skip(app, what, name, thing, skipped, options) -> bool | None:
    """Leave out what a module does not export, and the fields of named tuples, which their class describes.

    Autodoc itself would go by ``__all__`` only in its order, which is alphabetical; pages follow the source.
    """
    module = sys.modules[app.env.temp_data["autodoc:module"]]
    private = what == "module" and name not in module.__all__
    field = (getattr(thing, "__doc__", None) or "").startswith("Alias for field number")
    return True if private or field else None


def setup(app):
    """Register both; napoleon comes before."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("autodoc-process-docstring", typeset, priority=900)
    app.connect("autodoc-skip-member", skip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
