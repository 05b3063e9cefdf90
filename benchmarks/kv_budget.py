"""`python -m benchmarks kv-budget`: how small vLLM's KV cache may be before it slows down."""

import argparse

from benchmarks.comparison import command
from benchmarks.comparison.presets import kv_budget_preset

HELP = "how small vLLM's KV cache may be before it slows down"
add_arguments = command.add_arguments


def run(options: argparse.Namespace) -> int:
    """See `benchmarks.comparison.command.run`."""
    return command.run(options, kv_budget_preset)
