"""What Markdown says and how it is built: words, code, links, formulas, outline."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.korean.unit import VERBATIM, english_names

_HTML = ("html_block", "html_inline")
_TAG = re.compile(r"</?\w+|<!--.*?-->")
_TAG_WITH_ATTRIBUTES = re.compile(r"<[^>]+>")
_TARGET = re.compile(r'(?:href|src)="([^"]*)"')
_HANGUL = re.compile(r"[가-힣]")
_KINDS: Final = {
    "p": "paragraph",
    "ul": "list",
    "ol": "numbered list",
    "li": "list item",
    "blockquote": "quotation",
    "hr": "rule",
    "tr": "table row",
    "td": "cell",
    "th": "cell",
    "code": "code block",
    "strong": "bold words",
    "<details": "fold",
    "<summary": "title of a fold",
    "</details": "end of fold",
    VERBATIM: "what is taken over",
}


def words(text: str) -> str:
    """Returns the words that a reader sees, without code, targets of links, and formulas."""
    return " ".join("".join(map(_words_of, _tokens(text))).split())


def code_spans(text: str) -> list[str]:
    """Returns the code spans, with the names of the English files."""
    return [english_names(token.content) for token in _tokens(text) if token.type == "code_inline"]


def code_blocks(text: str) -> list[str]:
    """Returns the code blocks."""
    return [token.content for token in _tokens(text) if token.type in ("fence", "code_block")]


def links(text: str) -> list[str]:
    """Returns where links and pictures point to, with the names of the English files."""
    found: list[str] = []
    for token in _tokens(text):
        target = token.attrGet("href") or token.attrGet("src")
        found += _TARGET.findall(token.content) if token.type in _HTML else [str(target)] if target else []
    return [english_names(target) for target in found]


def formulas(text: str) -> list[str]:
    """Returns what stands between dollar signs."""
    return [token.content for token in _tokens(text) if token.type.startswith("math_")]


def outline(text: str) -> list[str]:
    """Returns of what kind the pieces are: headings by level, paragraphs, list items, cells, folds, bold words."""
    return [kind for token in _tokens(text) for kind in _kinds(token)]


def sentences_without_hangul(text: str) -> list[str]:
    """Returns the paragraphs, items and cells that end like sentences and have no Korean letter."""
    blocks = (token.content for token in _parser().parse(text) if token.type == "inline")
    return [block for block in blocks if block.endswith((".", "!", "?")) and not _HANGUL.search(block)]


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


def _tokens(text: str) -> Iterator[Token]:
    return _with_children(_parser().parse(text))


def _with_children(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _with_children(token.children or ())


def _words_of(token: Token) -> str:
    if token.type == "text":
        return token.content
    if token.type in _HTML:
        return _TAG_WITH_ATTRIBUTES.sub(" ", token.content)
    # Emphasis may begin and end within a word.
    return "" if token.type.startswith(("em_", "strong_")) else " "


def _kinds(token: Token) -> list[str]:
    if token.type in _HTML:
        return [_KINDS[tag] for tag in _TAG.findall(token.content) if tag in _KINDS]
    if token.type == "heading_open":
        return [f"heading of level {token.tag[1:]}"]
    is_shown = token.nesting == 1 or token.type in ("hr", "fence", "code_block")
    return [_KINDS[token.tag]] if is_shown and token.tag in _KINDS else []
