"""Writes the model card of checkpoint-100 from its records: `python -m text_to_sql.model_card`.

What the card says of recipe, data, loss and answers comes from `training_record.json` beside the adapter and from
`benchmarks/results/`; a test fails while the card shows anything else.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from text_to_sql.bundled_adapter import BUNDLED_ADAPTER
from text_to_sql.checkpoint import TRAINING_RECORD
from text_to_sql.prompt import SYSTEM_MESSAGE

RESULTS = BUNDLED_ADAPTER.parent / "benchmarks" / "results"
CARD = BUNDLED_ADAPTER / "README.md"
LOSS_CURVE = "loss_curve.svg"

_FRONT = """---
base_model: {base_model}
library_name: peft
pipeline_tag: text-generation
language: en
license: cc-by-sa-4.0
datasets: [xlangai/spider, Salesforce/wikisql]
tags: [lora, text-to-sql, sqlite, vllm]
---

# checkpoint-100: Text-to-SQL for SmolLM2-135M-Instruct

A LoRA adapter (rank {rank}, all linear layers, {size} MB in float16) that turns a question and a schema into one SQLite
query. `text_to_sql/train.py` of this repository made it: it is what the trainer saved at optimizer step 100, less its
copy of the base's tokenizer. It is a first recipe for a very small model: read "What it does" before you rely on it.

```bash
uv run vllm_offline_inference.py --question "How many customers live in South Korea?"
```

The prompt is the chat template of the base with this system message, and as user message the schema (one `CREATE TABLE`
a line, without keys), an empty line and `Question: …`; `text_to_sql/prompt.py` builds it.

> {system_message}
"""

_DATA = """## Data

| set | used | licence | credit |
|---|---|---|---|
| Spider, training split, less {held_out_databases} of its 140 databases | questions, schemas, SQL | CC BY-SA 4.0 | Yu et al., EMNLP 2018, arXiv 1809.08887 |
| Spider-Syn | paraphrased questions of the same databases | MIT | Gan et al., ACL 2021, arXiv 2106.01065 |
| WikiSQL, training split | {wikisql:,} questions, two thirds of them with several conditions | BSD-3-Clause, Copyright (c) 2017 Salesforce Research | Zhong, Xiong, Socher 2017, arXiv 1709.00103; in the form of text2sql-data, Finegan-Dollak et al., ACL 2018 |

Changed: the SQL was parsed and written again in one spelling (sqlglot, dialect `sqlite`; strings in single quotes), names
that are no plain identifiers are quoted, keys are left out of the schemas, WikiSQL's numbered tables got neutral names,
and examples above {max_length} tokens were left out. {training:,} examples remain. Spider's development split was not
used. The adapter is offered under CC BY-SA 4.0, Spider's licence; the code of the repository is Apache-2.0.
"""

_LIMITS = """## Limits

English questions on SQLite. It joins too often, confuses columns of different tables, and writes literals as they stand in
the question. What it writes may read anything that its reader is allowed to read: run it through `ReadOnlyDatabase`.
"""


def render(record: dict[str, Any], rates: dict[str, Any], pilots: dict[str, Any], size: int) -> str:
    """Returns the card.

    Args:
        record: `training_record.json`.
        rates: the record of `text_to_sql.executable_rate`.
        pilots: the record of the runs that were tried.
        size: bytes of the adapter's weights.
    """
    recipe, examples = record["recipe"], record["examples"]
    front = _FRONT.format(
        base_model=record["base_model"], rank=recipe["rank"], size=round(size / 1e6), system_message=SYSTEM_MESSAGE
    )
    data = _DATA.format(
        held_out_databases=pilots["databases"],
        wikisql=recipe["wikisql_examples"],
        max_length=recipe["max_length"],
        training=examples["training"],
    )
    return "\n".join([front, _answers(rates), _training(record), _pilots(pilots), data, _LIMITS])


def _answers(rates: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {label} | {percent['parses']} % | {percent['executes']} % | {percent['exact']} % |"
        for label, percent in rates["percent"].items()
    )
    return f"""## What it does

{rates["questions"]} held-aside questions of Spider on {rates["databases"]} databases that training never saw; greedy, in
float32, with vLLM on a CPU (`{rates["command"]}`):

| | parses as one query | executes on the (empty) database | is the gold text |
|---|---:|---:|---:|
{rows}

None of these is accuracy: a query that executes may answer another question, and one that differs from the gold may be
right. Execution accuracy is not measured yet.
"""


def _training(record: dict[str, Any]) -> str:
    recipe = "\n".join(f"| {name} | {value} |" for name, value in record["recipe"].items())
    steps = [step for step in record["loss"] if step in ("1", "10") or step in record["held_out_loss"]]
    losses = "\n".join(
        f"| {step} | {record['loss'][step]:.3f} | {_number(record['held_out_loss'].get(step))} |" for step in steps
    )
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return f"""## Training

100 optimizer steps, {record["train_runtime_s"]:.0f} s on one {record["device"]} ({versions}); AdamW, cosine schedule, loss
on the SQL and the end token only, weights in float32 under bfloat16 autocast.

| recipe | |
|---|---|
{recipe}

![Loss over the steps]({LOSS_CURVE})

| step | training loss | loss on {record["examples"]["held_out"]} held-out questions |
|---:|---:|---:|
{losses}
"""


def _pilots(pilots: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {run['name']} | {run['change']} | {_number(run['train_s'], 0)} | {_number(run['held_out_loss'], 4)} "
        f"| {run['executes']} | {run['exact']} |"
        for run in pilots["runs"]
    )
    return f"""## What was tried

{pilots["questions"]} held-aside questions on {pilots["databases"]} databases; kept is run {pilots["kept"]}.

| run | what is different | training, s | held-out loss | executes | is the gold text |
|---|---|---:|---:|---:|---:|
{rows}
"""


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


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
    files = (BUNDLED_ADAPTER / TRAINING_RECORD, RESULTS / "executable_rate.json", RESULTS / "training_pilots.json")
    record, rates, pilots = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return record, rates, pilots, (BUNDLED_ADAPTER / "adapter_model.safetensors").stat().st_size


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
