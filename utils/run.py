"""Run one notebook strictly: ``python -m utils.run NOTEBOOK OUTPUT [--profile P] [-p NAME VALUE]…``

Exit 0: OUTPUT is complete and clean. Exit 2: bad usage, or a parameter with a wrong name, type or range; nothing was
written. Exit 1: the notebook failed; OUTPUT is untouched and the failed copy lies beside it as ``*.failed.ipynb``.
"""

import argparse
import os
import sys
from pathlib import Path

from utils.pipeline.execute import CELL_TIMEOUT, PINNED, NotebookFailed, run
from utils.pipeline.parameters import PROFILES, ParameterError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.run", description=__doc__.split("\n\n")[1])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--profile", default="fast", choices=PROFILES)
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT, metavar="SECONDS")
    options = parser.parse_args(arguments)
    given: dict[str, object] = {}
    for name, text in options.parameters:
        if name in given:
            parser.error(f"-p {name} is given twice, {given[name]} and {text}: give it once")
        given[name] = text
    for name, value in PINNED.items():
        os.environ.setdefault(name, value)
    try:
        run(
            options.notebook,
            options.output,
            profile=options.profile,
            parameters=given,
            cell_timeout=options.cell_timeout,
        )
    except ParameterError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
