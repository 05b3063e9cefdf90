"""What a comparison measures: which engines do which work, how often."""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

from benchmarks.comparison.catalog import EngineChoice, find_engines
from benchmarks.comparison.metrics import Objective
from benchmarks.comparison.tracks import CHAT, FIXED, SQL, TRACKS
from inference.adapter_checks import ALLOWED_MAX_RANKS
from inference.base_shapes import DTYPE_BYTES

# A queue behind the batch shows what happens when answers end at different times; one request alone needs company.
_REQUESTS_PER_SLOT = {FIXED: 1, CHAT: 2, SQL: 2}
_LEAST_REQUESTS = {FIXED: 1, CHAT: 8, SQL: 8}
# The chat track has 256 prompts and the bookshop 243 questions; none is asked twice.
_MOST_REQUESTS = {FIXED: None, CHAT: 256, SQL: 243}


class Cell(NamedTuple):
    """One piece of work that every engine does: a track at a concurrency."""

    track: str
    concurrency: int

    @property
    def num_requests(self) -> int:
        """Requests of a run."""
        wanted = max(_LEAST_REQUESTS[self.track], _REQUESTS_PER_SLOT[self.track] * self.concurrency)
        most = _MOST_REQUESTS[self.track]
        return wanted if most is None else min(wanted, most)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """A comparison on one model.

    Attributes:
        model: a name of `models.MODELS`, a folder, or a hub name.
        dtype: of weights, computation and KV cache, for all engines.
        tracks: keys of `tracks.TRACKS`.
        concurrencies: most requests under way at once, each a cell of the table.
        engines: keys of `catalog.ENGINES`.
        prompt_tokens, output_tokens: lengths of the `fixed` track.
        max_tokens: longest answer of the other tracks.
        repeats: counted runs of each cell and engine, at least 1.
        objective: what goodput counts.
        lora_rank: rank of the random adapters of engines that serve some.

    Raises:
        ValueError: a value is out of its range; the message names the option.
    """

    model: str
    dtype: str
    tracks: tuple[str, ...]
    concurrencies: tuple[int, ...]
    engines: tuple[str, ...]
    prompt_tokens: int
    output_tokens: int
    max_tokens: int
    repeats: int
    objective: Objective
    lora_rank: int = 16

    def __post_init__(self) -> None:
        for name in ("prompt_tokens", "output_tokens", "max_tokens", "repeats", "lora_rank"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name, values in (("tracks", self.tracks), ("concurrency", self.concurrencies), ("engines", self.engines)):
            _require(len(values) > 0, name, "at least one", values)
            _require(len(set(values)) == len(values), name, "all different", ", ".join(map(str, values)))
        largest_rank = ALLOWED_MAX_RANKS[-1]
        _require(self.lora_rank <= largest_rank, "lora_rank", f"at most {largest_rank}", self.lora_rank)
        _require(self.dtype in DTYPE_BYTES, "dtype", f"one of {', '.join(DTYPE_BYTES)}", self.dtype)
        for track in self.tracks:
            _require(track in TRACKS, "tracks", f"some of {', '.join(TRACKS)}", track)
        for number in self.concurrencies:
            _require(number >= 1, "concurrency", "at least 1", number)
        for cell in self.cells():
            rule = f"at most the {cell.num_requests} prompts of the {cell.track} track"
            _require(cell.concurrency <= cell.num_requests, "concurrency", rule, cell.concurrency)
        find_engines(list(self.engines))

    def cells(self) -> list[Cell]:
        """Returns all work, in the order in which it is done."""
        return [Cell(track, number) for track in self.tracks for number in self.concurrencies]

    def choices(self) -> dict[str, EngineChoice]:
        """Returns the engines by name."""
        return find_engines(list(self.engines))

    def reference_for(self, name: str) -> str | None:
        """Returns the engine whose answers another's are compared with: one of the same weights, in every cell.

        Returns:
            None for a reference itself, and for engines that no other one shares the weights with.
        """
        choices = self.choices()
        if choices[name].adapters > 1:
            return None
        same = [other for other, choice in choices.items() if _weights(choice) == _weights(choices[name])]
        always = [other for other in same if choices[other].max_concurrency is None]
        return None if not always or always[0] == name else always[0]

    def replaced(self, **values: Any) -> Self:
        """Returns the plan with those values that are not None."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def as_record(self) -> dict[str, Any]:
        """Returns the fields as JSON has them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _weights(choice: EngineChoice) -> str:
    return "base" if not (choice.adapters or choice.merged) else "first adapter" if choice.adapters < 2 else "several"


def takes_part(choice: EngineChoice, cell: Cell) -> bool:
    """Whether an engine is measured in a cell."""
    return choice.max_concurrency is None or cell.concurrency <= choice.max_concurrency


def _require(holds: bool, name: str, allowed: str, given: object) -> None:
    if not holds:
        raise ValueError(f"--{name.replace('_', '-')} must be {allowed}, got {given!r}")
