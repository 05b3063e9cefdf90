"""The words of questions, cells and names; by their stems `Opened in which years` and `OpeningYear` can be compared."""

import re
from functools import lru_cache

# The package's own choice would be another implementation where one is installed, and other stems with it.
from snowballstemmer.english_stemmer import EnglishStemmer

# Letters outside ASCII have no case here: a word in Korean is one word.
_LOWER = r"[^\W\d_A-Z]"
_PART_OF_NAME = re.compile(rf"[A-Z]?{_LOWER}+|[A-Z]+(?!{_LOWER})|\d+")
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Returns the words of a text as they are spelt, in their order; `birth_date` is one."""
    return _WORD.findall(text)


def lower_words(text: str) -> tuple[str, ...]:
    """Returns the words of a text in lower case, in their order."""
    return tuple(word.lower() for word in words(text))


def stems(text: str) -> tuple[str, ...]:
    """Returns the stems of the words of a text or a name, such as `BirthDate` or `birth_date`, in their order."""
    return tuple(_stem(word.lower()) for word in _PART_OF_NAME.findall(text))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    # A stemmer holds the word that it works on: threads must not share one.
    return EnglishStemmer().stemWord(word)
