"""A folder's tokenizer and chat template, wherever Transformers 4 or 5 has put them."""

import json
from pathlib import Path

import pytest

from inference.tokenizer_files import TEMPLATE_FILE, brings_tokenizer, read_chat_template


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("one text", "one text"),
        ([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "chats"}], "chats"),
        ([{"name": "tool_use", "template": "tools"}], None),
        (["broken"], None),
        (None, None),
        (3, None),
    ],
)
def test_a_template_in_the_tokenizers_configuration_is_found(tmp_path: Path, template: object, expected: str | None):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    assert read_chat_template(tmp_path) == expected


def test_the_file_of_its_own_wins(tmp_path: Path):
    assert read_chat_template(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "old"}')
    (tmp_path / TEMPLATE_FILE).write_text("new")
    assert read_chat_template(tmp_path) == "new"


@pytest.mark.parametrize(("name", "expected"), [("tokenizer.json", True), ("vocab.json", True), ("merges.txt", False)])
def test_a_tokenizer_is_one_with_a_vocabulary(tmp_path: Path, name: str, expected: bool):
    assert not brings_tokenizer(tmp_path)
    (tmp_path / name).touch()
    assert brings_tokenizer(tmp_path) is expected
