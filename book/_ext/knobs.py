"""Sphinx extension: on a page the knobs come after the first figure.

In a notebook they are at the top, because whatever runs it puts its parameters there; a reader of the page wants to see
something first.
"""

from docutils import nodes


def has(word: str):
    """Whether a node has a class."""
    return lambda node: isinstance(node, nodes.Element) and word in node.get("classes", [])


def move(app, doctree) -> None:
    """Put the cell of the knobs, and the paragraph before it, after the first cell that has a figure."""
    knobs = next(iter(doctree.findall(has("tag_parameters"))), None)
    figure = next((cell for cell in doctree.findall(has("cell")) if next(iter(cell.findall(nodes.figure)), None)), None)
    if knobs is None or figure is None:
        return
    position = knobs.parent.index(knobs)
    moved = [knobs]
    if position and isinstance(before := knobs.parent[position - 1], nodes.paragraph):
        moved.insert(0, before)
    for node in moved:
        node.parent.remove(node)
    position = figure.parent.index(figure) + 1
    figure.parent.insert(position, moved)


def setup(app):
    """Register it."""
    app.connect("doctree-read", move)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
