"""The data of a training run, encoded once: a GPU need not wait for it, and a resumed run trains on the same."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.atomic import atomic_folder
from inference.json_file import read_json_object
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training.collection import collect_packs
from text_to_sql.training.encoding import EncodedPack, EncodedPacks, encode_packs
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.validation import write_validation_set

VALIDATION_FOLDER = "validation"
_TRAINING, _HELD_OUT, _DESCRIPTION = "training.jsonl.gz", "held_out.jsonl.gz", "prepared.json"


@dataclass(frozen=True, slots=True)
class PreparedData:
    """What the trainer reads.

    Attributes:
        training: packs to train on.
        held_out: packs that the validation loss is taken over.
        validation: folder of the questions that are answered while training.
        hashes: SHA-256 of the files that the examples come from.
    """

    training: EncodedPacks
    held_out: EncodedPacks
    validation: Path
    hashes: dict[str, str]


def is_prepared(folder: Path, recipe: Recipe) -> bool:
    """Whether `folder` holds the data of a recipe.

    Raises:
        ValueError: it holds that of another one.
    """
    if not folder.exists():
        return False
    there, wanted = read_json_object(folder / _DESCRIPTION).get("recipe", {}), _decides_data(recipe)
    if differing := [
        f"{name} {there.get(name)!r}, not {value!r}" for name, value in wanted.items() if there.get(name) != value
    ]:
        raise ValueError(
            f"{folder} was prepared for another recipe ({', '.join(differing)}): delete it, or choose another --output."
        )
    return True


def prepare(folder: Path, recipe: Recipe, data: Path, tokenizer: Any) -> None:
    """Collects and encodes the examples of a recipe, about two minutes; the folder appears when all is written.

    Raises:
        FileExistsError: `folder` exists.
        FileNotFoundError: the data is missing.
        ValueError: a database is both trained on and held out.
    """
    with atomic_folder(folder) as partial:
        training, held_out = collect_packs(data, recipe)
        packs = encode_packs(tokenizer, training, recipe.max_length)
        _write(partial / _TRAINING, packs)
        _write(partial / _HELD_OUT, encode_packs(tokenizer, held_out, recipe.max_length))
        examples = [example for pack in held_out for example in pack]
        write_validation_set(partial / VALIDATION_FOLDER, tokenizer, examples, recipe.validation_questions)
        hashes = {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in (SPIDER_FILE, WIKISQL_FILE)}
        description = {"recipe": _decides_data(recipe), "data": hashes, "too_long": packs.dropped}
        (partial / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_prepared(folder: Path) -> PreparedData:
    """Reads what `prepare` wrote."""
    description = read_json_object(folder / _DESCRIPTION)
    return PreparedData(
        EncodedPacks(tuple(_read(folder / _TRAINING)), description["too_long"]),
        EncodedPacks(tuple(_read(folder / _HELD_OUT))),
        folder / VALIDATION_FOLDER,
        description["data"],
    )


def _decides_data(recipe: Recipe) -> dict[str, Any]:
    names = (
        *("base_model", "pack_size", "spider_passes", "wikisql_examples", "generated_examples", "bookshop_examples"),
        *("mistakes", "held_out_examples", "validation_questions", "max_length", "seed"),
    )
    return {name: value for name, value in asdict(recipe).items() if name in names}


def _write(file: Path, packs: Iterable[EncodedPack]) -> None:
    with gzip.open(file, "wt", encoding="ascii", compresslevel=6) as lines:
        for one in packs:
            lines.write(json.dumps([one.prefix, one.rests], separators=(",", ":")) + "\n")


def _read(file: Path) -> Iterator[EncodedPack]:
    with gzip.open(file, "rt", encoding="ascii") as lines:
        for line in lines:
            prefix, rests = json.loads(line)
            yield EncodedPack(prefix, [(question, answer) for question, answer in rests])
