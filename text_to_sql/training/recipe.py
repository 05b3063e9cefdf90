"""Everything that decides what is learnt."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from inference.bundled_model import BUNDLED_MODEL

# All else decides the examples.
TRAINING_ONLY = frozenset(
    {
        *("max_steps", "rank", "alpha", "dropout", "learning_rate", "weight_decay", "warmup_steps"),
        *("batch_size", "micro_batches"),
    }
)

# Where examples come from.
_SHARES = ("spider_passes", "wikisql_examples", "generated_examples", "bookshop_examples", "template_examples")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is learnt.

    Attributes:
        batch_size: packs an optimizer step.
        micro_batches: how many parts each step is computed in, one after the other; more need less memory.
        pack_size: most questions over one schema that form a pack, which holds the schema once.
        spider_passes: how often each question and paraphrase of Spider occurs, each time in another form.
        wikisql_examples: how many of WikiSQL's 49,181 training questions join them.
        generated_examples: how many questions of the project's own generator join them.
        bookshop_examples: how many more of it are about the course's own database.
        template_examples: how many questions of hand-written templates about that database join them.
        mistakes: share of examples that are shown with a wrong answer and its error first, to learn mending.
        held_out_examples: how many held-out questions the validation loss is taken over.
        validation_questions: on how many of them execution accuracy is measured while training.
        max_length: longer examples (prompt, SQL and end token) are left out.
    """

    base_model: str = BUNDLED_MODEL
    max_steps: int = 100
    rank: int = 64
    alpha: int = 64
    dropout: float = 0.0
    learning_rate: float = 4e-3
    weight_decay: float = 0.0
    warmup_steps: int = 8
    batch_size: int = 384
    micro_batches: int = 8
    pack_size: int = 8
    spider_passes: int = 3
    wikisql_examples: int = 16_000
    generated_examples: int = 60_000
    bookshop_examples: int = 6_000
    template_examples: int = 38_000
    mistakes: float = 0.06
    held_out_examples: int = 512
    validation_questions: int = 128
    max_length: int = 1_024
    seed: int = 42

    def __post_init__(self) -> None:
        zero_allowed = (*_SHARES, "validation_questions", "warmup_steps", "seed")
        for field, value in asdict(self).items():
            minimum = 0 if field in zero_allowed else 1
            if isinstance(value, int) and value < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {value}")
        for field in ("learning_rate", "dropout", "weight_decay", "mistakes"):
            value = getattr(self, field)
            if not 0 <= value < 1:
                raise ValueError(f"{field} must be in [0, 1), got {value}")
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"batch_size must be a multiple of micro_batches, got {self.batch_size} and {self.micro_batches}"
            )
        if not any(getattr(self, share) for share in _SHARES):
            raise ValueError(f"{', '.join(_SHARES[:-1])} and {_SHARES[-1]} are all 0: there is no data")

    def differences(self, earlier: Mapping[str, Any], ignored: Collection[str]) -> str:
        """Returns what an earlier recipe has otherwise, as `seed 7, not 42`; empty if nothing."""
        return ", ".join(
            f"{name} {earlier.get(name)!r}, not {value!r}"
            for name, value in asdict(self).items()
            if name not in ignored and earlier.get(name) != value
        )
