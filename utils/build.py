"""Build the book: ``python -m utils.build [--profile P] [--seed S] [--jobs N]``; see :mod:`utils.pipeline.build`."""

import sys
import time

from utils.processes.commands import command
from utils.processes.options import Options, count, whole

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    # Here, because it takes seconds: a signal meanwhile ends the command in order.
    from utils.pipeline.build import BuildFailed, build, other_seed
    from utils.pipeline.parameters import PROFILES

    parser = Options(prog="python -m utils.build", description=__doc__)
    parser.add_argument("--profile", default="fast", choices=PROFILES)
    parser.add_argument(
        "--seed", type=whole, help="judge the whole book on another seed and say what differs; publish nothing"
    )
    parser.add_argument(
        "--jobs", type=count, metavar="N", help="processes at a time; the processors you may use by default"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.seed is not None:
            found = other_seed(options.seed, profile=options.profile, jobs=options.jobs)
            print("\n".join(found) or f"every verdict and control on seed {options.seed} is the registered one")
            return int(bool(found))
        index = build(profile=options.profile, jobs=options.jobs)
    except (BuildFailed, OSError) as error:  # a full or read-only disk, say
        print(f"\nThe book was not built: {error}", file=sys.stderr)
        return 1
    print(f"The book is ready after {time.monotonic() - started:.0f} s: open {index}")
    print(f"Executed notebooks: {index.parents[1] / 'executed'}   verdicts: {index.parents[1] / 'claims.json'}")
    return 0


if __name__ == "__main__":
    command(main)
