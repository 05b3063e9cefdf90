"""Part 3: what a conversation looks like to the model."""

import re
from functools import cache
from typing import Any

from course.exercise import Exercise

Messages = list[dict[str, str]]
DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@cache
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    from inference.bundled_model import bundled_model_path

    return AutoTokenizer.from_pretrained(bundled_model_path())


def chat_text(messages: Messages) -> str:
    """What the bundled model's own chat template writes, up to where the assistant's answer begins."""
    return _tokenizer().apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def _written(messages: Messages, *, default_system: bool = True, ask: bool = True) -> str:
    if default_system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    text = "".join(f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages)
    return text + ("<|im_start|>assistant\n" if ask else "")


def _cases() -> list[tuple[Messages]]:
    system, user = {"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "Is snow white?"}
    answer, again = {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "안녕하세요"}
    return [([system, user],), ([user],), ([system, user, answer, again],), ([user, answer, again],)]


EXERCISES = {
    "chat_text": Exercise(
        oracle=chat_text,
        source="the model's chat template",
        cases=_cases,
        mistakes={
            "Without a system message the template writes the model's default one.": (
                lambda messages: _written(messages, default_system=False)
            ),
            "The default system message stands only where there is no other.": lambda messages: _written(
                [{"role": "system", "content": DEFAULT_SYSTEM}, *messages], default_system=False
            ),
            "A new line follows every <|im_end|>.": lambda messages: _written(messages).replace(
                "<|im_end|>\n", "<|im_end|>"
            ),
            "A new line stands between the role and the content.": lambda messages: re.sub(
                r"(<\|im_start\|>\w+)\n(?=.)", r"\1 ", _written(messages)
            ),
            "The text ends with a new line after assistant: the answer begins on the next line.": (
                lambda messages: _written(messages).removesuffix("\n")
            ),
            "The text must end where the assistant's answer begins.": lambda messages: _written(messages, ask=False),
        },
    ),
}
