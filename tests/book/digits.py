"""The images that pages ship: ``python -m tests.book.digits`` writes the scripts that hold them."""

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from utils.files import ROOT
from utils.networks.data import batches, task
from utils.seeding import generator_for

STATIC = ROOT / "book" / "_static"
HELD_OUT = 64  # images that the trainer measures its gap on
FROM = """// Made by `python -m tests.book.digits` from scikit-learn's copy of Alpaydin and Kaynak's data (UCI repository, CC BY 4.0).
"""
EXPLORER = """// 32 images of handwritten digits, one row an image, one character a pixel: its value from 0 to 16 in base 17.
{}const EXPLORER_DIGITS = `
{}
`.trim().split("\\n").map((row) => Array.from(row, (pixel) => parseInt(pixel, 17)));
"""
TRAINER = """// {} images of handwritten digits to learn from and {} held out, one row an image: the label, then one character a pixel,
// its value from 0 to 16 in base 17. The same images are held out on page 4.
{}const TRAINER_DIGITS = `
{}
`.trim().split("\\n").map((row) => Array.from(row, (pixel) => parseInt(pixel, 17))).map(([label, ...image]) => ({{ label, image }}));
"""


def _rows(pixels: Tensor) -> Iterable[str]:
    """Images with pixels from 0 to 1, a text each."""
    return ("".join("0123456789abcdefg"[round(16 * pixel)] for pixel in image) for image in pixels.tolist())


def scripts() -> dict[Path, str]:
    """Each file and its text."""
    (images,) = batches("digits", size=32, count=1, generator=generator_for("explorer", "digits"))
    x, y, x_test, y_test = task("digits", scale="unit", test=HELD_OUT)
    labeled = [
        f"{label}{row}" for x, y in ((x, y), (x_test, y_test)) for label, row in zip(y.tolist(), _rows(x), strict=True)
    ]
    return {
        STATIC / "explorer-digits.js": EXPLORER.format(FROM, "\n".join(_rows(images.T))),
        STATIC / "trainer-digits.js": TRAINER.format(f"{len(x):,}", HELD_OUT, FROM, "\n".join(labeled)),
    }


if __name__ == "__main__":
    for path, text in scripts().items():
        path.write_text(text, encoding="utf-8")
