"""Small plain markets as tables."""

import numpy as np
import pandas as pd


def agents(*rows: tuple[str, float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "p_min_kw", "p_max_kw", "a", "b"])


def pairs(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["i", "j", "charge_i", "charge_j"])


def random_tables(
    seed: int, *, straight: bool = True, highest_charge: float = 0.05
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three to ten agents, some with several assets, on a connected graph of partners.

    `straight` allows constant costs (a = 0) and fixed loads; without it every agent's cost is strictly convex.
    """
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 11))
    owner = np.concatenate([np.arange(count), rng.integers(0, count, count // 2)]) if straight else np.arange(count)
    consumes = rng.random(len(owner)) < 0.5
    reach = rng.uniform(2.0, 20.0, len(owner))
    low, high = np.where(consumes, -reach, 0.0), np.where(consumes, 0.0, reach)
    curved = rng.random(len(owner)) < (0.6 if straight else 1.0)
    # The first produces anything, so that every fixed load can be served.
    low[0], high[0] = 0.0, 1000.0
    fixed = (rng.random(len(owner)) < 0.2) & consumes & straight
    fixed[0] = False
    table = agents(
        *zip(
            [f"P{i}" for i in owner],
            low.tolist(),
            np.where(fixed, low, high).tolist(),
            np.where(curved, rng.uniform(0.001, 0.02, len(owner)), 0.0).tolist(),
            np.where(consumes, rng.uniform(0.2, 0.5, len(owner)), rng.uniform(0.05, 0.25, len(owner))).tolist(),
            strict=True,
        )
    )
    first, second = np.triu_indices(count, 1)
    chosen = (rng.random(len(first)) < 0.5) | (second == first + 1)
    links = [
        (f"P{i}", f"P{j}", *rng.uniform(0.0, highest_charge / 2, 2).tolist())
        for i, j in zip(first[chosen], second[chosen], strict=True)
    ]
    return table, pairs(*links)
