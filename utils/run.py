"""Run one notebook strictly: ``python -m utils.run NOTEBOOK OUTPUT [--profile P] [-p NAME VALUE]…``

Exit 0: OUTPUT is complete and clean. Exit 2: bad usage, an OUTPUT that would replace a source, or a parameter
with a wrong name, type or range; nothing was written. Exit 1: the notebook failed; OUTPUT is untouched and the failed copy
lies beside it as ``*.failed.ipynb``.
"""

import os
import sys
from pathlib import Path

from utils.processes.commands import command
from utils.processes.options import Options, described

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    # Here, because it takes seconds: a signal meanwhile ends the command in order.
    from utils.pipeline.execute import CELL_TIMEOUT, NotebookFailed, run
    from utils.pipeline.parameters import PROFILES, ParameterError

    parser = Options(prog="python -m utils.run", description=described(__doc__, 1))
    parser.add_argument("notebook", type=_path)
    parser.add_argument("output", type=_path)
    parser.add_argument("--profile", default="fast", choices=PROFILES)
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT, metavar="SECONDS")
    options = parser.parse_args(arguments)
    given: dict[str, object] = {}
    for name, text in options.parameters:
        if name in given:
            parser.error(f"-p {name} is given twice, {given[name]} and {text}: give it once")
        given[name] = text
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


def _path(text: str) -> Path:
    return Path(os.path.expanduser(text))


if __name__ == "__main__":
    command(main)
