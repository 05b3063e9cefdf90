"""`python -m benchmarks lora`: a LoRA adapter at run time, four of them in one batch, and merged into the model."""

import argparse

from benchmarks.comparison import command
from benchmarks.comparison.presets import lora_preset

HELP = "a LoRA adapter at run time, four of them in one batch, and merged into the model"
add_arguments = command.add_arguments


def run(options: argparse.Namespace) -> int:
    """See `benchmarks.comparison.command.run`."""
    return command.run(options, lora_preset)
