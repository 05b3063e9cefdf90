"""The words of questions and of names, so that `Opened in which years` and `OpeningYear` can be compared."""

import re
from functools import cache

import snowballstemmer

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ENGLISH = snowballstemmer.stemmer("english")


def stems(text: str) -> tuple[str, ...]:
    """Returns the stems of the words of a text or a name, such as `BirthDate` or `birth_date`, in their order."""
    return tuple(_stem(word.lower()) for word in _WORD.findall(text))


@cache
def _stem(word: str) -> str:
    return _ENGLISH.stemWord(word)
