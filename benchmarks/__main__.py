"""`python -m benchmarks`: the measurements by name."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import simulator

COMMANDS = {"simulator": simulator}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measurements by name.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    options = parser.parse_args(arguments)
    return COMMANDS[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
