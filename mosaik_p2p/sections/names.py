"""What a user may have meant by a name that nothing has."""

from collections.abc import Container, Iterable
from difflib import get_close_matches

SHOWN = 12
"""Names that a message lists before it only counts."""


INDEX_DIGITS = 18
"""More digits than any index of a table has."""


def is_index(text: str) -> bool:
    """Whether the text is an index in plain digits; other signs count as digits too, such as the raised 2."""
    return text.isascii() and text.isdecimal() and len(text) <= INDEX_DIGITS


def listed(known: Iterable[object]) -> str:
    """The names, comma between, cut where there are many."""
    names = [str(name) for name in known]
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def nearest(name: object, known: Iterable[object]) -> str | None:
    """The known name that is most like `name`, or is one of its words; None where there is none."""
    text = str(name).lower()
    by_lower = {str(candidate).lower(): str(candidate) for candidate in known}
    found = get_close_matches(text, by_lower, n=1, cutoff=0.6) or [word for word in text.split() if word in by_lower]
    return by_lower[found[0]] if found else None


def without_quotes(name: object, indices: Container[object]) -> str | None:
    """A remedy where the text `name` is the index of something that has another name; None where it is not."""
    if isinstance(name, str) and is_index(name) and int(name) in indices:
        return f"An index is written without quotes: {int(name)}. In quotes it is a name."
    return None


def did_you_mean(name: object, known: Iterable[object], *, what: str = "names") -> str:
    """A remedy for an unknown name: the nearest known one, and what there is to choose from."""
    names = [str(candidate) for candidate in known]
    if not names:
        return f"There are no {what} to choose from."
    near = nearest(name, names)
    known_text = f"Known {what}: {listed(names)}."
    return f"Did you mean {near!r}? {known_text}" if near else known_text
