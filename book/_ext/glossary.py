"""Sphinx extension: on every page the first use of a word of the glossary leads to it.

Pages and notebooks are written in plain Markdown, which reads well in JupyterLab too; nobody has to mark a word.
"""

import re

from docutils import nodes

# Where a word is a name, a link already, or no sentence.
SPARED = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.math, nodes.raw, nodes.footnote)
EXCEPT = ("book/glossary", "book/api/", "book/references")


def terms(env) -> dict[str, tuple[str, str]]:
    """Page and anchor of each word."""
    objects = env.domaindata["std"]["objects"]
    return {name.lower(): target for (kind, name), target in objects.items() if kind == "term"}


def sentences(doctree):
    """Text nodes of paragraphs and captions."""
    linked = False  # between the tags of a link that is written as HTML
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.raw):
            linked = text.startswith("<a ") or (linked and not text.startswith("</a"))
        if linked:
            continue
        above, node = [], text.parent
        while node is not None:
            above.append(node)
            node = node.parent
        inside = any(isinstance(node, nodes.paragraph | nodes.caption) for node in above)
        if inside and not any(isinstance(node, SPARED) for node in above):
            yield text


def link(app, doctree, docname: str) -> None:
    """Turn the first use of each word into a link."""
    known = terms(app.env)
    if not known or docname.startswith(EXCEPT):
        return
    words = "|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))
    word = re.compile(rf"(?<![\w-])({words})(s?)(?![\w-])", re.IGNORECASE)
    met = set()
    for text in sentences(doctree):
        parts, at = [], 0
        for match in word.finditer(text):
            page, anchor = known[match.group(1).lower()]
            if anchor in met:
                continue
            met.add(anchor)
            uri = f"{app.builder.get_relative_uri(docname, page)}#{anchor}"
            parts += [nodes.Text(text[at : match.start()])]
            parts += [nodes.reference("", match.group(0), refuri=uri, internal=True, classes=["term"])]
            at = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[at:])])


def setup(app):
    """Register it."""
    app.connect("doctree-resolved", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
