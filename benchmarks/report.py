"""`python -m benchmarks report`: tables and plots of records that `compare` and its like have written."""

import argparse
import sys
from pathlib import Path

HELP = "tables and plots of records"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument(
        "records", nargs="*", type=Path, metavar="FILE", help="records (default: those of benchmarks/results)"
    )
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where plots go (default: beside each record)")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--write", action="store_true", help="also put all figures into this repository's pages")


def run(options: argparse.Namespace) -> int:
    """Prints the tables and writes the plots.

    Raises:
        ValueError: a file is no record of a comparison.
    """
    from rich.console import Console

    from benchmarks.comparison.plots import write_plots
    from benchmarks.comparison.record import load_record
    from benchmarks.comparison.tables import as_markdown, print_tables
    from benchmarks.readme_figures import write_figures
    from benchmarks.stored_results import comparison_records

    for file in options.records or comparison_records():
        record = load_record(file)
        if options.markdown:
            print(as_markdown(record))
        else:
            print_tables(record, Console())
        for plot in write_plots(record, options.plots or file.parent, file.stem):
            print(f"wrote {plot}", file=sys.stderr)
    if options.write:
        for page in write_figures():
            print(f"wrote {page}", file=sys.stderr)
    return 0
