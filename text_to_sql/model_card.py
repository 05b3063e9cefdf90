"""Writes the model card of checkpoint-100 from its records: `python -m text_to_sql.model_card`.

What the card says of recipe, data, loss and accuracy comes from `training_record.json` beside the adapter and from
`benchmarks/results/`; a test fails while the card shows anything else.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.prompt import SYSTEM_MESSAGE
from text_to_sql.scoring.tables import accuracy_table, aids_table, gain, halves, kinds_table
from text_to_sql.training.checkpoint import TRAINING_RECORD
from text_to_sql.training.compare_runs import runs_table

RESULTS = BUNDLED_ADAPTER.parent / "benchmarks" / "results"
CARD = BUNDLED_ADAPTER / "README.md"
LOSS_CURVE = "loss_curve.svg"

TEMPLATE = Path(__file__).with_name("model_card_template.md")


def render(record: dict[str, Any], accuracy: dict[str, Any], pilots: dict[str, Any], size: int) -> str:
    """Returns the card: `model_card_template.md` with figures and tables of the records.

    Args:
        record: `training_record.json`.
        accuracy: the record of `benchmarks.text_to_sql_accuracy`.
        pilots: the record of `text_to_sql.training.compare_runs`.
        size: bytes of the adapter's weights.
    """
    looked_at, not_looked_at = halves(accuracy)
    return TEMPLATE.read_text(encoding="utf-8").format(
        record=record,
        accuracy=accuracy,
        megabytes=round(size / 1e6),
        system_message=SYSTEM_MESSAGE,
        versions=", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        loss_curve=LOSS_CURVE,
        devices=", ".join(sorted({run["device"] for run in accuracy["runs"]})),
        accuracy_table=accuracy_table(accuracy),
        kinds_table=kinds_table(accuracy),
        aids_table=aids_table(accuracy),
        gain=f"{gain(accuracy):.1g}",
        looked_at=looked_at,
        not_looked_at=not_looked_at,
        recipe_table=_table(["recipe", ""], record["recipe"].items(), "ll"),
        loss_table=_losses(record),
        pilots_table=runs_table(pilots["runs"]),
    )


def _losses(record: dict[str, Any]) -> str:
    training, held_out = record["loss"], record["held_out_loss"]
    header = ["step", "training loss", f"loss on {record['examples']['held_out']} held-out questions"]
    steps = [step for step in training if step in ("1", "10") or step in held_out]
    return _table(header, ([step, _number(training[step]), _number(held_out.get(step))] for step in steps), "rrr")


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]], alignment: str) -> str:
    sides = [{"l": "left", "r": "right"}[letter] for letter in alignment]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=sides)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def draw_loss(record: dict[str, Any], path: Path) -> None:
    """Draws training and held-out loss over the steps, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The same input gives the same file.
    with mpl.rc_context({"svg.hashsalt": "loss", "svg.fonttype": "path"}):
        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.subplots()
        for name, style in (("loss", "-"), ("held_out_loss", "o-")):
            steps = [int(step) for step in record[name]]
            axes.plot(steps, list(record[name].values()), style, label=name.replace("_", " "))
        axes.set(xlabel="optimizer step", ylabel="cross entropy, nats a token", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, metadata={"Date": None})


def load_records() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], int]:
    """Returns what `render` takes, for the adapter of this repository."""
    files = (
        BUNDLED_ADAPTER / TRAINING_RECORD,
        RESULTS / "text_to_sql_accuracy.json",
        RESULTS / "training_pilots.json",
    )
    record, accuracy, pilots = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return record, accuracy, pilots, (BUNDLED_ADAPTER / "adapter_model.safetensors").stat().st_size


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes card and picture."""
    parser = argparse.ArgumentParser(prog="python -m text_to_sql.model_card", description=__doc__.splitlines()[0])
    parser.parse_args(arguments)
    records = load_records()
    CARD.write_text(render(*records), encoding="utf-8")
    draw_loss(records[0], BUNDLED_ADAPTER / LOSS_CURVE)
    print(f"Wrote {CARD} and {LOSS_CURVE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
