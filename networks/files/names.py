"""Names of network elements: one rule for electric and heat nets."""

from collections import Counter

import pandas as pd


def unique_names(elements: pd.DataFrame) -> list[str]:
    """A unique name per row: its `name` if no other row has it, `<name>_<index>` if several do, else the index."""
    given = list(with_plain_names(elements)["name"])
    count = Counter(given)
    taken = {name for name in given if count[name] == 1}
    names = []
    for name, index in zip(given, elements.index, strict=True):
        own = name if name and count[name] == 1 else _free(f"{name}_{index}" if name else str(index), taken)
        taken.add(own)
        names.append(own)
    return names


def with_unique_names(elements: pd.DataFrame) -> pd.DataFrame:
    """A copy of the element table whose column `name` holds unique strings."""
    return elements.assign(name=pd.Series(unique_names(elements), index=elements.index, dtype=object))


def with_plain_names(elements: pd.DataFrame) -> pd.DataFrame:
    """A copy of the element table whose column `name` holds texts, empty ones where there is no name."""
    names = [_text(name) for name in elements["name"]] if "name" in elements else [""] * len(elements)
    return elements.assign(name=pd.Series(names, index=elements.index, dtype=object))


def _text(name: object) -> str:
    return "" if name is None or name is pd.NA or name != name else str(name).strip()


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
