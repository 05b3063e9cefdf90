"""`python -m benchmarks`: the measurements by name."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import kv_budget, lora, report, settings, simulator, vllm_bench
from benchmarks.comparison import command as compare
from benchmarks.comparison.worker import EngineFailureError
from inference.errors import InferenceError

COMMANDS = {
    "compare": compare,
    "lora": lora,
    "kv-budget": kv_budget,
    "settings": settings,
    "vllm-bench": vllm_bench,
    "simulator": simulator,
    "report": report,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a measurement; returns its exit code, 2 for what stops it before it has measured anything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measurements by name.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.HELP))
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except (ValueError, InferenceError, EngineFailureError) as error:
        print(f"python -m benchmarks {options.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
