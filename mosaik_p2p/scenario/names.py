"""What a user may have meant by a name that nothing has."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 12
"""Names that a message lists before it only counts."""


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


def did_you_mean(name: object, known: Iterable[object], *, what: str = "names") -> str:
    """A remedy for an unknown name: the nearest known one, and what there is to choose from."""
    names = [str(candidate) for candidate in known]
    if not names:
        return f"There are no {what} to choose from."
    near = nearest(name, names)
    known_text = f"Known {what}: {listed(names)}."
    return f"Did you mean {near!r}? {known_text}" if near else known_text
