"""What both texts must have in common: numbers, names, code, links, formulas, and the outline."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Final

from course.korean.markup import code_blocks, code_spans, formulas, links, outline, sentences_without_hangul, words
from course.korean.quantities import names, numbers, units

COMPARED: Final[Mapping[str, Callable[[str], list[str]]]] = {
    "numbers": lambda text: numbers(words(text)),
    "units": lambda text: units(words(text)),
    "names": lambda text: names(words(text)),
    "code spans": code_spans,
    "code blocks": code_blocks,
    "links": links,
    "formulas": formulas,
}
# Signs that Markdown left in the words.
_LEFT: Final = {
    "*": "a * is shown as it is: between punctuation and a Korean letter it ends no emphasis",
    "~": "a ~ strikes out what stands between it and the next one: write –",
}


def differences(english: str, korean: str) -> Iterator[str]:
    """Yields in words what the texts have not in common; only of the outline the order counts."""
    for what, find in COMPARED.items():
        ours, theirs = Counter(find(english)), Counter(find(korean))
        if ours != theirs:
            yield f"{what} differ: only in English {_listed(ours - theirs)}, only in Korean {_listed(theirs - ours)}"
    yield from _difference_of_outlines(outline(english), outline(korean))
    for sign, problem in _LEFT.items():
        if words(korean).count(sign) > words(english).count(sign):
            yield problem
    for sentence in sentences_without_hangul(korean):
        yield f"not translated: {sentence}"


def _difference_of_outlines(ours: list[str], theirs: list[str]) -> Iterator[str]:
    pairs = enumerate(zip_longest(ours, theirs, fillvalue="nothing"), start=1)
    for place, (english, korean) in pairs:
        if english != korean:
            yield f"the outline differs at piece {place}: {english} in English, {korean} in Korean"
            return


def _listed(found: Counter[str]) -> str:
    return ", ".join(found.elements()) or "none"
