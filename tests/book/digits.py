"""The images the explorer ships: ``python -m tests.book.digits`` writes ``book/_static/explorer-digits.js``."""

from utils.files import ROOT
from utils.networks.data import batches
from utils.seeding import generator_for

TARGET = ROOT / "book" / "_static" / "explorer-digits.js"
HEAD = """// 32 images of handwritten digits, one row an image, one character a pixel: its value from 0 to 16 in base 17.
// Made by `python -m tests.book.digits` from scikit-learn's copy of Alpaydin and Kaynak's data (UCI repository, CC BY 4.0).
const EXPLORER_DIGITS = `
"""
TAIL = """`.trim().split("\\n").map((row) => Array.from(row, (pixel) => parseInt(pixel, 17)));
"""


def script() -> str:
    """The file's text."""
    (images,) = batches("digits", size=32, count=1, generator=generator_for("explorer", "digits"))
    rows = ["".join("0123456789abcdefg"[round(16 * float(pixel))] for pixel in image) for image in images.T]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    TARGET.write_text(script(), encoding="utf-8")
