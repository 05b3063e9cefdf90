"""Builds vllm.ko.ipynb and README.ko.md from the English ones and the translations in course/korean.

python -m course.korean [--check | --todo | --accept KEY …]

Nothing is written unless every text is translated, current, and agrees with the English one and with the glossary.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nbformat import ValidationError

from course.korean.edition import ROOT, Edition
from course.korean.glossary import Glossary
from inference.json_file import write_text

COMMAND = "python -m course.korean"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command; returns the exit code: 0 all is well, 1 something is to do, 2 bad usage."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__.partition("\n\n")[0] + " " + __doc__.rpartition("\n\n")[2],
        epilog="Exit codes: 0 all is well, 1 something is to do, 2 bad usage.",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="write nothing, say what is wrong")
    action.add_argument(
        "--todo", action="store_true", help="print English texts to translate, as entries of the tables"
    )
    action.add_argument("--accept", nargs="+", metavar="KEY", help="these translations are those of today's English")
    options = parser.parse_args(arguments)
    try:
        return _act(Edition.read(root), options)
    except (OSError, ValueError, ValidationError) as error:
        parser.error(str(error))


def _act(edition: Edition, options: argparse.Namespace) -> int:
    if options.accept:
        edition.accept(options.accept)
        return 0
    if options.todo:
        return _print_todo(edition)
    return _report_problems(edition) or (_report_outdated(edition) if options.check else _write(edition))


def _print_todo(edition: Edition) -> int:
    num_entries = 0
    for document in edition.documents:
        entries = document.todo()
        num_entries += len(entries)
        if entries:
            print(f"{len(entries)} for {document.table.name}:", file=sys.stderr)
            print("\n".join(map(str, entries)))
    if not num_entries:
        print("Everything is translated and current.", file=sys.stderr)
    return 1 if num_entries else 0


def _report_problems(edition: Edition) -> int:
    problems = edition.problems(Glossary.read())
    if problems:
        print("\n\n".join(map(str, problems)), file=sys.stderr)
        print(f"\nThe Korean files stay as they are: {len(problems)} to mend.", file=sys.stderr)
    return 1 if problems else 0


def _report_outdated(edition: Edition) -> int:
    outdated = [file.name for file in edition.outdated()]
    print("\n".join(f"{name} is not what {COMMAND} writes: run it." for name in outdated) or "Everything is current.")
    return 1 if outdated else 0


def _write(edition: Edition) -> int:
    outdated = edition.outdated()
    for file, text in outdated.items():
        write_text(file, text)
    print("\n".join(f"{file.name} is written." for file in outdated) or "Everything was current.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
