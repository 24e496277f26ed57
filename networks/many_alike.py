"""Many elements of one kind in a pandapipes net at once: the library adds some kinds one by one only, which is slow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet


def add_alike(
    net: pandapipesNet, table: str, create_first: Callable[[], object], differing: Mapping[str, Sequence[Any]]
) -> None:
    """Elements that differ in the columns `differing`, one value per element, after those that the table has.

    `create_first` lets the library add the first one; the others are rows like it.
    """
    create_first()
    count = len(next(iter(differing.values())))
    rows = pd.concat([net[table], *[net[table].tail(1)] * (count - 1)])
    begin = len(rows) - count
    rows.index = pd.Index(np.concatenate([net[table].index, net[table].index.max() + np.arange(1, count)]))
    for column, values in differing.items():
        whole = rows[column].to_numpy(copy=True)
        whole[begin:] = values
        rows[column] = whole
    net[table] = rows
