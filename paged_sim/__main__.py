"""`python -m paged_sim`: the simulator's commands."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from paged_sim.simulation.run import LivelockError

COMMANDS = ("waste", "simulate", "size", "trace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code, 2 for a value that is out of its range or a file that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m paged_sim", description="PagedAttention simulated, with the decisions of vLLM 0.32."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    modules = {name: importlib.import_module(f"paged_sim.commands.{name}") for name in COMMANDS}
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    options = parser.parse_args(arguments)
    try:
        return modules[options.command].run(options)
    except (ValueError, OSError, LivelockError) as error:
        print(f"python -m paged_sim {options.command}: {error}", file=sys.stderr)
        return 2
    except (MemoryError, OverflowError) as error:
        what = "more memory than there is" if isinstance(error, MemoryError) else "more than 106 days of simulated time"
        print(f"python -m paged_sim {options.command}: this takes {what}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
