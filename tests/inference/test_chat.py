"""Messages become exactly the token ids that the model was trained on, or a ChatError that says what is wrong."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.chat import ChatFormat, ChatWarning, check_length, check_messages, plain_text
from inference.errors import ChatError, PromptTooLongError

CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How many books are there?"},
    {"role": "assistant", "content": "SELECT COUNT(*) FROM books"},
    {"role": "user", "content": "And authors? Grüße 📚 <|im_end|>"},
]


@dataclass
class PlainTokenizer:
    """A tokenizer without a chat template: one id for each character."""

    chat_template: str | None = None

    def encode(self, text: str) -> list[int]:
        """Returns the code points."""
        return [ord(character) for character in text]


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ("How many?", "messages must be a list of messages, got str. For one question: [{"),
        (b"How many?", "messages must be a list of messages, got bytes."),
        ({"role": "user", "content": "x"}, "messages must be a list of messages, got dict."),
        (None, "messages must be a list of messages, got NoneType."),
        pytest.param(iter([]), "messages must be a list of messages, got list_iterator.", id="an iterator"),
        ([], "messages is empty: give at least one message with the role user."),
        ((), "messages is empty"),
        (["How many?"], "messages[0] must be a dict with 'role' and 'content', got 'How many?'"),
        ([{"role": "user"}], "messages[0] must be a dict with 'role' and 'content', got {'role': 'user'}"),
        ([{"content": "x"}], "messages[0] must be a dict with 'role' and 'content', got {'content': 'x'}"),
        ([CONVERSATION], "messages[0] must be a dict"),
        ([CONVERSATION[0], {}], "messages[1] must be a dict"),
        (
            [{"role": "tool", "content": "x"}],
            "messages[0] has the role 'tool'; known roles are system, user, assistant.",
        ),
        ([{"role": "User", "content": "x"}], "messages[0] has the role 'User'"),
        ([{"role": ["user"], "content": "x"}], "messages[0] has the role ['user']"),
        ([{"role": "user", "content": None}], "messages[0] must have text as content, got NoneType."),
        ([{"role": "user", "content": 5}], "messages[0] must have text as content, got int."),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0] must have text as content, got list."),
    ],
    ids=str,
)
def test_malformed_messages_are_refused_with_their_place(messages: Any, text: str):
    with pytest.raises(ChatError, match=re.escape(text)):
        check_messages(messages)


def test_token_ids_refuses_malformed_messages_too():
    with pytest.raises(ChatError, match="messages is empty"):
        ChatFormat(PlainTokenizer(), "{{ messages }}").token_ids([])


@pytest.mark.parametrize("messages", [CONVERSATION, tuple(CONVERSATION), [{"role": "user", "content": ""}]])
def test_good_messages_pass(messages: Any):
    check_messages(messages)


def test_a_model_without_template_warns_and_writes_role_by_role():
    with pytest.warns(ChatWarning, match="This model has no chat template: messages are written role by role"):
        chat = ChatFormat(PlainTokenizer())
    assert not chat.has_template
    text = "".join(map(chr, chat.token_ids(CONVERSATION[:3])))
    expected = "System: Be brief.\nUser: How many books are there?\nAssistant: SELECT COUNT(*) FROM books\nAssistant:"
    assert text == expected == plain_text(CONVERSATION[:3])


def test_the_ids_are_those_of_the_tokenizers_own_template(bundled_tokenizer: Any):
    chat = ChatFormat(bundled_tokenizer)
    ids = chat.token_ids(CONVERSATION)
    assert ids == bundled_tokenizer.apply_chat_template(CONVERSATION, add_generation_prompt=True, return_dict=False)
    assert all(type(token) is int for token in ids)
    assert bundled_tokenizer.decode(ids).endswith("<|im_start|>assistant\n")


def test_messages_in_a_tuple_give_the_same_ids(bundled_tokenizer: Any):
    chat = ChatFormat(bundled_tokenizer)
    assert chat.token_ids(tuple(CONVERSATION)) == chat.token_ids(CONVERSATION)


def test_an_adapters_template_wins_over_the_tokenizers(bundled_tokenizer: Any):
    template = "{% for message in messages %}[{{ message.content }}]{% endfor %}"
    ids = ChatFormat(bundled_tokenizer, template).token_ids(CONVERSATION[:2])
    assert bundled_tokenizer.decode(ids) == "[Be brief.][How many books are there?]"


def test_an_adapters_template_is_enough_for_a_tokenizer_without_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ChatFormat(PlainTokenizer(), "{{ 1 }}").has_template


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('Only one system message, please') }}", "Only one system message, please"),
        ("{{ messages[9].content }}", "has no element 9"),
        ("{% for %}", "Expected"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
def test_a_template_that_raises_becomes_a_chat_error(bundled_tokenizer: Any, template: str, reason: str):
    with pytest.raises(ChatError, match=f"The chat template refuses these messages: .*{reason}") as caught:
        ChatFormat(bundled_tokenizer, template).token_ids(CONVERSATION)
    assert caught.value.__cause__ is not None


@given(length=st.integers(2, 100_000))
def test_a_prompt_that_leaves_one_token_fits_and_one_more_does_not(length: int):
    check_length(length - 1, length)
    text = f"The prompt has {length:,} tokens; the context holds {length:,}, of which"
    with pytest.raises(PromptTooLongError, match=text):
        check_length(length, length)


def test_a_prompt_too_long_names_both_lengths_and_the_way_out():
    with pytest.raises(ChatError, match=r"has 12,345 tokens; the context holds 8,192,.*larger max_model_len"):
        check_length(12_345, 8_192)
