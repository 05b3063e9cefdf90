"""The data of a training run, encoded once: a GPU need not wait for it, and a resumed run trains on the same."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.atomic import atomic_folder
from inference.json_file import read_json_object, write_json_object
from text_to_sql.data.files import SPIDER_FILE, WIKISQL_FILE
from text_to_sql.training.collection import collect_packs
from text_to_sql.training.encoding import EncodedPack, EncodedPacks, encode_packs
from text_to_sql.training.recipe import TRAINING_ONLY, Recipe
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
        sources: SHA-256 of the files that the examples come from, by name.
        content_hash: SHA-256 of the packs to train on: two runs of one recipe differ in it where the code has changed.
    """

    training: EncodedPacks
    held_out: EncodedPacks
    validation: Path
    sources: dict[str, str]
    content_hash: str


def is_prepared(folder: Path, recipe: Recipe, data: Path | None = None) -> bool:
    """Whether `folder` holds the data of a recipe.

    Args:
        folder: to look into.
        recipe: whose data is wanted.
        data: folder of the sources, if they are to be compared too.

    Raises:
        ValueError: it holds that of another recipe or of other sources.
    """
    if not folder.exists():
        return False
    description = read_json_object(folder / _DESCRIPTION)
    differences = recipe.differences(description.get("recipe", {}), TRAINING_ONLY)
    if not differences and data is not None and _source_hashes(data, recipe) != description["data"]:
        differences = f"other files than those in {data}"
    if differences:
        raise ValueError(
            f"{folder} was prepared for another recipe ({differences}): delete it, or choose another --output."
        )
    return True


def prepare(folder: Path, recipe: Recipe, data: Path, tokenizer: Any) -> None:
    """Collects and encodes the examples of a recipe, about three minutes; the folder appears when all is written.

    Raises:
        FileExistsError: `folder` exists.
        FileNotFoundError: the data is missing.
        ValueError: a database is both trained on and held out.
    """
    sources = _source_hashes(data, recipe)
    with atomic_folder(folder) as partial:
        training, held_out = collect_packs(data, recipe)
        packs = encode_packs(tokenizer, training, recipe.max_length)
        content_hash = _write(partial / _TRAINING, packs)
        _write(partial / _HELD_OUT, encode_packs(tokenizer, held_out, recipe.max_length))
        examples = [example for pack in held_out for example in pack]
        write_validation_set(partial / VALIDATION_FOLDER, tokenizer, examples, recipe.validation_questions)
        description = {
            "recipe": {name: value for name, value in asdict(recipe).items() if name not in TRAINING_ONLY},
            "data": sources,
            "content_hash": content_hash,
            "too_long": packs.dropped,
        }
        write_json_object(partial / _DESCRIPTION, description)


def load_prepared(folder: Path) -> PreparedData:
    """Reads what `prepare` wrote."""
    description = read_json_object(folder / _DESCRIPTION)
    return PreparedData(
        EncodedPacks(tuple(_read(folder / _TRAINING)), description["too_long"]),
        EncodedPacks(tuple(_read(folder / _HELD_OUT))),
        folder / VALIDATION_FOLDER,
        description["data"],
        description["content_hash"],
    )


def _source_hashes(data: Path, recipe: Recipe) -> dict[str, str]:
    names = (SPIDER_FILE, WIKISQL_FILE) if recipe.wikisql_examples else (SPIDER_FILE,)
    for name in names:
        if not (data / name).is_file():
            raise FileNotFoundError(f"{data / name} is missing: pass the folder that holds {' and '.join(names)}.")
    return {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in names}


def _write(file: Path, packs: Iterable[EncodedPack]) -> str:
    """Writes one pack a line, and returns the SHA-256 of the lines."""
    digest = hashlib.sha256()
    with gzip.open(file, "wb", compresslevel=6) as lines:
        for one in packs:
            line = json.dumps([one.prefix, one.rests], separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            lines.write(line)
    return digest.hexdigest()


def _read(file: Path) -> Iterator[EncodedPack]:
    with gzip.open(file, "rb") as lines:
        for line in lines:
            prefix, rests = json.loads(line)
            yield EncodedPack(prefix, [(question, answer) for question, answer in rests])
