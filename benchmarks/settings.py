"""`python -m benchmarks settings`: vLLM against itself, one setting changed at a time."""

import argparse

from benchmarks.comparison import command
from benchmarks.comparison.presets import settings_preset

HELP = "vLLM against itself, one setting changed at a time"
add_arguments = command.add_arguments


def run(options: argparse.Namespace) -> int:
    """See `benchmarks.comparison.command.run`."""
    return command.run(options, settings_preset)
