"""The training command: its errors, and two real steps on a CPU."""

import gzip
import json
import lzma
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from inference.adapter import read_adapter
from inference.bundled_model import bundled_model_path
from text_to_sql import train
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training import trainer
from text_to_sql.training.collection import collect_packs
from text_to_sql.training.encoding import encode_packs
from text_to_sql.training.prepared import load_prepared
from text_to_sql.training.recipe import Recipe

TINY = [
    *("--batch-size", "2", "--micro-batches", "2", "--pack-size", "2", "--held-out-examples", "2"),
    *("--wikisql-examples", "6", "--generated-examples", "8", "--bookshop-examples", "2", "--template-examples", "2"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixteen databases with one short question each: fifteen are held out."""
    folder = tmp_path / "data"
    folder.mkdir()
    with gzip.open(folder / SPIDER_FILE, "wt") as file:
        for number in range(16):
            row = {
                "db_id": f"db{number}",
                "schema": f"CREATE TABLE t{number} (a text)",
                "question": "How many?",
                "paraphrase": "How many rows?",
                "sql": f"SELECT COUNT(*) FROM t{number}",
                "kind": "simple",
            }
            file.write(json.dumps(row) + "\n")
    with lzma.open(folder / WIKISQL_FILE, "wt") as file:
        for number in range(8):
            row = {
                "split": "train",
                "schema": f"CREATE TABLE t_{number} (a text, b number)",
                "question": "Which a has b 3?",
                "sql": f"SELECT a FROM t_{number} WHERE b = {number} AND a = 'x'",
            }
            file.write(json.dumps(row) + "\n")
    return folder


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of a hundredth of the bundled one's size, with its tokenizer: what is trained here need not be good."""
    folder = tmp_path_factory.mktemp("tiny-base")
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        pad_token_id=2,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_model_path()).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("max_steps", 0, "max_steps must be at least 1, got 0"),
        ("wikisql_examples", -1, "wikisql_examples must be at least 0, got -1"),
        ("learning_rate", 2.0, r"learning_rate must be in \[0, 1\), got 2.0"),
        ("mistakes", 1.0, r"mistakes must be in \[0, 1\), got 1.0"),
        ("micro_batches", 100, "batch_size must be a multiple of micro_batches, got 384 and 100"),
    ],
)
def test_a_recipe_names_what_is_wrong(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{field: value})


def test_a_recipe_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match="bookshop_examples and template_examples are all 0: there is no data"):
        Recipe(spider_passes=0, wikisql_examples=0, generated_examples=0, bookshop_examples=0, template_examples=0)


def test_a_resumed_run_ends_as_one_that_was_not_stopped(
    data: Path, tmp_path: Path, tiny_base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(folder: str, steps: int, *options: str) -> list[str]:
        place = ["--data", str(data), "--output", str(tmp_path / folder), "--base-model", tiny_base]
        return [*place, *TINY, "--max-steps", str(steps), *options]

    # Ten packs are five steps an epoch; the rate must not depend on the number of steps that were planned.
    monkeypatch.setattr(trainer, "SCHEDULE", "constant")
    assert train.main(command("whole", 7)) == 0
    assert train.main(command("stopped", 3)) == 0
    capsys.readouterr()
    assert train.main(command("stopped", 7)) == 2
    assert "checkpoint-3 exists already: pass --resume to go on from it" in capsys.readouterr().err
    assert train.main(command("stopped", 3, "--resume")) == 2
    assert "checkpoint-3 has its 3 steps already: raise --max-steps" in capsys.readouterr().err
    assert train.main(command("stopped", 7, "--resume", "--learning-rate", "0.001")) == 2
    assert "was begun with another recipe (learning_rate 0.004, not 0.001): resume" in capsys.readouterr().err
    assert train.main(command("stopped", 7, "--resume")) == 0

    whole, resumed = (
        json.loads((tmp_path / folder / "checkpoint-7" / "training_record.json").read_text())
        for folder in ("whole", "stopped")
    )
    assert list(whole["loss"]) == [str(step) for step in range(1, 8)]
    assert list(resumed["loss"].values()) == pytest.approx(list(whole["loss"].values()), abs=2e-4)
    assert (whole["resumed_from_step"], resumed["resumed_from_step"]) == (None, 3)
    assert (list(whole["held_out_accuracy"]), set(whole["data"])) == (["7"], {SPIDER_FILE, WIKISQL_FILE})

    # A process that is killed before the record is written leaves a checkpoint that only needs one.
    (tmp_path / "whole" / "checkpoint-7" / "training_record.json").unlink()
    assert train.main(command("whole", 7, "--resume")) == 0
    again = json.loads((tmp_path / "whole" / "checkpoint-7" / "training_record.json").read_text())
    assert again == whole | {"train_runtime_s": None}


def test_data_is_prepared_once_and_only_for_its_recipe(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    arguments = ["--output", str(output), *TINY, "--max-steps", "1"]
    assert train.main([*arguments, "--data", str(data), "--prepare-only"]) == 0
    assert "Data prepared in" in capsys.readouterr().out
    prepared = load_prepared(output / train.PREPARED)
    recipe = Recipe(
        batch_size=2,
        micro_batches=2,
        pack_size=2,
        held_out_examples=2,
        wikisql_examples=6,
        generated_examples=8,
        bookshop_examples=2,
        template_examples=2,
    )
    tokenizer = AutoTokenizer.from_pretrained(bundled_model_path())
    training, held_out = collect_packs(data, recipe)
    assert prepared.training == encode_packs(tokenizer, training, recipe.max_length)
    assert prepared.held_out == encode_packs(tokenizer, held_out, recipe.max_length)
    cases = [json.loads(line) for line in (prepared.validation / "cases.jsonl").read_text().splitlines()]
    assert {case["question"] for case in cases} == {"How many?"}
    assert all((prepared.validation / f"{case['db_id']}.sqlite").exists() for case in cases)

    assert train.main(arguments) == 0
    record = json.loads((output / "checkpoint-1" / "training_record.json").read_text())
    assert record["examples"] == {"training": prepared.training.num_examples, "held_out": 2}
    assert record["prepared"] == prepared.content_hash
    adapter = read_adapter(output / "checkpoint-1")
    assert (adapter.rank, adapter.base_name) == (64, "HuggingFaceTB/SmolLM2-135M-Instruct")
    weights = load_file(output / "checkpoint-1" / "adapter_model.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float16"}


def test_the_loss_of_a_step_does_not_depend_on_its_micro_batches(data: Path, tmp_path: Path, tiny_base: str) -> None:
    losses = []
    for count in ("1", "2", "4"):
        output = tmp_path / count
        sizes = ["--batch-size", "4", "--micro-batches", count, "--max-steps", "2"]
        place = ["--data", str(data), "--output", str(output), "--base-model", tiny_base]
        assert train.main([*place, *TINY, *sizes]) == 0
        losses.append(json.loads((output / "checkpoint-2" / "training_record.json").read_text())["loss"])
    assert losses[1] == pytest.approx(losses[0], abs=5e-4)
    assert losses[2] == pytest.approx(losses[0], abs=5e-4)


def test_data_of_another_recipe_or_other_files_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path / "run"), "--data", str(data), "--prepare-only", *TINY]
    assert train.main(arguments) == 0
    assert train.main([*arguments, "--learning-rate", "0.001"]) == 0
    capsys.readouterr()
    assert train.main([*arguments, "--seed", "7"]) == 2
    assert "was prepared for another recipe (seed 42, not 7): delete it, or choose another --output." in (
        capsys.readouterr().err
    )
    with gzip.open(data / SPIDER_FILE, "at") as file:
        file.write("\n")
    assert train.main(arguments) == 2
    assert f"was prepared for another recipe (other files than those in {data}): delete it" in capsys.readouterr().err


def test_each_recipe_is_judged_by_the_same_questions(data: Path, tmp_path: Path) -> None:
    cases = []
    for number, options in enumerate(([], ["--mistakes", "0.5", "--pack-size", "1", "--seed", "7"])):
        output = tmp_path / str(number)
        arguments = ["--output", str(output), "--data", str(data), "--prepare-only", *TINY, "--held-out-examples", "9"]
        assert train.main([*arguments, *options]) == 0
        cases.append((output / train.PREPARED / "validation" / "cases.jsonl").read_text())
    assert cases[0] == cases[1]
    assert cases[0].count("\n") == 9


def test_wikisql_is_not_asked_for_by_a_recipe_without_it(data: Path, tmp_path: Path) -> None:
    (data / WIKISQL_FILE).unlink()
    arguments = ["--data", str(data), "--output", str(tmp_path / "run"), "--prepare-only", *TINY]
    assert train.main(arguments) == 2
    assert train.main([*arguments, "--wikisql-examples", "0"]) == 0


def test_missing_data_and_nothing_to_resume_are_explained(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--data", str(tmp_path), "--output", str(tmp_path / "run")]) == 2
    assert "spider_train.jsonl.gz is missing: pass the folder" in capsys.readouterr().err
    assert train.main(["--data", str(data), "--output", str(tmp_path / "run"), "--resume"]) == 2
    assert "There is no checkpoint in" in capsys.readouterr().err
    assert train.main(["--data", str(data), "--output", str(tmp_path / "run"), "--base-model", "nowhere"]) == 2
    assert "There is no base model 'nowhere'" in capsys.readouterr().err
    assert train.main(["--output", str(tmp_path / "run")]) == 2
    assert "holds no prepared data: pass --data, the folder of spider_train.jsonl.gz." in capsys.readouterr().err
