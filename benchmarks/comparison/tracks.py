"""The work that engines are given: requests as token ids, the same for all of them.

- `fixed`: random tokens, one length for all prompts and one for all answers, whatever the model writes.
- `chat`: questions of a chat, in the model's chat template; an answer ends where the model ends it.
- `sql`: questions about the sample database, its schema in every prompt; likewise.
"""

import itertools
import random
from collections.abc import Sequence
from typing import Any

from benchmarks.comparison.chat_prompts import chat_prompts
from benchmarks.comparison.engines.interface import InferenceRequest

FIXED, CHAT, SQL = "fixed", "chat", "sql"
TRACKS = {
    FIXED: "fixed lengths, end token ignored",
    CHAT: "chat questions, answers end by themselves",
    SQL: "Text-to-SQL with one schema, answers end by themselves",
}
# The first ids of a vocabulary are its special tokens.
FIRST_ORDINARY_TOKEN = 100


def make_requests(
    track: str, model: str, count: int, *, prompt_tokens: int, max_tokens: int, seed: int = 0
) -> list[InferenceRequest]:
    """Returns the first requests of a track.

    Args:
        track: a key of `TRACKS`.
        model: folder or hub name, whose tokenizer and chat template are used.
        count: how many; all prompts differ.
        prompt_tokens: length of the prompts of `fixed`, in tokens; the others have their own.
        max_tokens: length of the answers of `fixed`; the longest answer of the others.
        seed: other seeds give other prompts of `fixed`.

    Raises:
        ValueError: there is no such track, or it has fewer prompts.
    """
    if track not in TRACKS:
        raise ValueError(f"track must be one of {', '.join(TRACKS)}, got {track!r}")
    if track == FIXED:
        prompts = _random_prompts(model, count, prompt_tokens, seed)
    else:
        conversations = _conversations(track, count)
        if len(conversations) < count:
            raise ValueError(f"The {track} track has {len(conversations)} different prompts, got a count of {count}")
        prompts = _chat_token_ids(model, conversations)
    return [InferenceRequest(tuple(ids), max_tokens, ignore_eos=track == FIXED) for ids in prompts]


def _random_prompts(model: str, count: int, length: int, seed: int) -> list[list[int]]:
    from inference.base_model import load_config, resolve_base_model

    vocabulary = range(FIRST_ORDINARY_TOKEN, load_config(resolve_base_model(model)).get_text_config().vocab_size)
    chooser = random.Random(seed)
    return [chooser.choices(vocabulary, k=length) for _ in range(count)]


def _conversations(track: str, count: int) -> list[list[dict[str, Any]]]:
    if track == SQL:
        return _sql_conversations(count)
    return [[{"role": "user", "content": text}] for text in itertools.islice(chat_prompts(), count)]


def _sql_conversations(count: int) -> list[list[dict[str, Any]]]:
    from text_to_sql import ReadOnlyDatabase, sample_database_path
    from text_to_sql.prompt import build_messages
    from text_to_sql.reference_set import load_reference_questions
    from text_to_sql.values import ValueIndex

    questions = itertools.islice(load_reference_questions(), count)
    with ReadOnlyDatabase(sample_database_path()) as database:
        values = ValueIndex(database.sample_texts())
        return [build_messages(database.schema, one.question, values.matches(one.question)) for one in questions]


def _chat_token_ids(model: str, conversations: Sequence[list[dict[str, Any]]]) -> list[list[int]]:
    from transformers import AutoTokenizer

    from inference.chat import ChatFormat

    chat = ChatFormat(AutoTokenizer.from_pretrained(model))
    return [chat.token_ids(messages) for messages in conversations]
