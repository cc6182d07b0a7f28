"""From notebooks to the book: parameters, checks, execution, pages, publication."""

from sys import modules

# nbformat loads a checker of schemas that compiles, a second each time, a grammar of addresses that no notebook needs.
modules.setdefault("rfc3987_syntax", None)
