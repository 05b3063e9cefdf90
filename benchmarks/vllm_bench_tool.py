"""Runs one of vLLM's own benchmarks: `python -m benchmarks.vllm_bench_tool latency|throughput FLAGS`.

`vllm bench` does the same, but asks for the version of a package `vllm`, which the build for CPUs does not carry.
"""

import sys
from importlib import import_module

from inference.cpu_allocator import keep_freed_memory


def main() -> None:
    """Reads the tool's own flags and runs it."""
    # As in every engine's process of a comparison.
    keep_freed_memory()
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    tool = import_module(f"vllm.benchmarks.{sys.argv[1]}")
    parser = FlexibleArgumentParser(prog=f"vllm bench {sys.argv[1]}")
    tool.add_cli_args(parser)
    tool.main(parser.parse_args(sys.argv[2:]))


if __name__ == "__main__":
    main()
