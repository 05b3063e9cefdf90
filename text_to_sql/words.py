"""The words of questions and of names, so that `Opened in which years` and `OpeningYear` can be compared."""

import re
from functools import lru_cache

# The package's own choice would be another implementation where one is installed, and other stems with it.
from snowballstemmer.english_stemmer import EnglishStemmer

# Letters outside ASCII have no case here: a word in Korean is one word.
_LOWER = r"[^\W\d_A-Z]"
_WORD = re.compile(rf"[A-Z]?{_LOWER}+|[A-Z]+(?!{_LOWER})|\d+")


def stems(text: str) -> tuple[str, ...]:
    """Returns the stems of the words of a text or a name, such as `BirthDate` or `birth_date`, in their order."""
    return tuple(_stem(word.lower()) for word in _WORD.findall(text))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    # A stemmer holds the word that it works on: threads must not share one.
    return EnglishStemmer().stemWord(word)
