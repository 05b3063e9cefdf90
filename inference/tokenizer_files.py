"""The files of a tokenizer: which there are, whether a folder brings a tokenizer, and its chat template."""

from pathlib import Path

from inference.json_file import read_json_object

TEMPLATE_FILE = "chat_template.jinja"
_CONFIG_FILE = "tokenizer_config.json"
# Without one of these the rest is no tokenizer.
_VOCABULARY_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
TOKENIZER_FILES = (
    *_VOCABULARY_FILES,
    _CONFIG_FILE,
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)


def brings_tokenizer(folder: Path) -> bool:
    """Whether the folder holds a whole tokenizer."""
    return any((folder / name).is_file() for name in _VOCABULARY_FILES)


def read_chat_template(folder: Path) -> str | None:
    """Returns the folder's chat template; None if it brings none.

    Transformers 5 keeps it in a file of its own; Transformers 4 kept it in the tokenizer's configuration, as a text or
    as a list of named ones, of which `default` is the one for chats.

    Raises:
        UnicodeDecodeError: the template's file is not UTF-8.
    """
    file = folder / TEMPLATE_FILE
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = read_json_object(folder / _CONFIG_FILE).get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else None
