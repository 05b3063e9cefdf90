"""What both texts must have in common: numbers, code spans, links, formulas, and the outline."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import zip_longest
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.korean.unit import VERBATIM, english_names

_TAG = re.compile(r"</?\w+|<!--.*?-->")
_HTML = re.compile(r"<[^>]+>")
# Not the 100 of H100, which is part of a name.
_NUMBER = re.compile(r"(?<![A-Za-z\d])\d+(?:,\d{3})*(?:\.\d+)*")
_NAME = re.compile(r"[A-Za-z][A-Za-z-]*\d(?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
# 135 million is 1억 3,500만: Korean counts in ten thousands.
_MILLIONS = re.compile(r"(\d+) million\b")
_MYRIADS = re.compile(r"(?=\d)(?:(\d+)억 ?)?(?:([\d,]+)만)?(?<=[억만])")
_BLOCKS: Final = {
    "p": "paragraph",
    "ul": "list",
    "li": "list item",
    "hr": "rule",
    "tr": "table row",
    "td": "cell",
    "th": "cell",
    "code": "code block",
    "strong": "bold words",
    "<details": "fold",
    "</details": "end of fold",
    VERBATIM: "what is taken over",
}


def numbers(text: str) -> list[str]:
    """Returns the numbers in figures, outside of code spans, links and formulas."""
    text = _MILLIONS.sub(lambda found: f"{int(found[1]) * 10**6:,}", words(text))
    text = _MYRIADS.sub(lambda found: f"{_integer(found[1]) * 10**8 + _integer(found[2]) * 10**4:,}", text)
    return _NUMBER.findall(text)


def names(text: str) -> list[str]:
    """Returns the names that have figures, such as H100 or SmolLM2, each once."""
    return sorted(set(_NAME.findall(words(text))))


def code_spans(text: str) -> list[str]:
    """Returns the code spans, with the names of the English files."""
    return [english_names(token.content) for token in _tokens(text) if token.type == "code_inline"]


def links(text: str) -> list[str]:
    """Returns where links and pictures point to, with the names of the English files."""
    targets = (token.attrGet("href") or token.attrGet("src") for token in _tokens(text))
    return [english_names(str(target)) for target in targets if target]


def formulas(text: str) -> list[str]:
    """Returns what stands between dollar signs."""
    return [token.content for token in _tokens(text) if token.type == "math_inline"]


def outline(text: str) -> list[str]:
    """Returns of what kind the pieces are: headings by level, paragraphs, list items, cells, folds, bold words."""
    return [kind for token in _tokens(text) for kind in _kinds(token)]


def words(text: str) -> str:
    """Returns the words that a reader sees, without code, targets of links, and formulas."""
    return " ".join(_HTML.sub(" ", token.content) for token in _tokens(text) if token.type in ("text", "html_block"))


COMPARED: Final[Mapping[str, Callable[[str], list[str]]]] = {
    "numbers": numbers,
    "names": names,
    "code spans": code_spans,
    "links": links,
    "formulas": formulas,
}


def differences(english: str, korean: str) -> Iterator[str]:
    """Yields in words what the texts have not in common; only of the outline the order counts."""
    for what, find in COMPARED.items():
        ours, theirs = Counter(find(english)), Counter(find(korean))
        if ours != theirs:
            yield f"{what} differ: only in English {_listed(ours - theirs)}, only in Korean {_listed(theirs - ours)}"
    pairs = enumerate(zip_longest(outline(english), outline(korean), fillvalue="nothing"), start=1)
    if unlike := next(((place, pair) for place, pair in pairs if pair[0] != pair[1]), None):
        place, (ours, theirs) = unlike
        yield f"the outline differs at piece {place}: {ours} in English, {theirs} in Korean"
    if "*" in words(korean):
        yield "a * is shown as it is: between punctuation and a Korean letter it ends no emphasis"
    if "~" in words(korean):
        yield "a ~ strikes out what stands between it and the next one: write –"


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


def _tokens(text: str) -> Iterator[Token]:
    for token in _parser().parse(text):
        yield token
        yield from token.children or ()


def _kinds(token: Token) -> list[str]:
    if token.type in ("html_block", "html_inline"):
        return [_BLOCKS[tag] for tag in _TAG.findall(token.content) if tag in _BLOCKS]
    if token.type == "heading_open":
        return [f"heading of level {token.tag[1:]}"]
    is_shown = token.nesting == 1 or token.type in ("hr", "fence")
    return [_BLOCKS[token.tag]] if is_shown and token.tag in _BLOCKS else []


def _integer(figures: str | None) -> int:
    return int((figures or "0").replace(",", ""))


def _listed(found: Counter[str]) -> str:
    return ", ".join(found.elements()) or "none"
