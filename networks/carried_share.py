"""How much of what was asked of a network it can carry: by halving, from nothing asked to everything."""

from collections.abc import Callable

HALVINGS = 5
LEAST_SHARE = 0.5**HALVINGS
"""To this the share is known."""


def carried_share(is_solved: Callable[[float], bool]) -> float | None:
    """The largest share found, below 1, of which `is_solved` holds; None where it does not hold of nothing.

    The whole has no solution, or nobody would ask. What lies between is taken to be solved up to a point.
    """
    if not is_solved(0.0):
        return None
    solved, unsolved = 0.0, 1.0
    while unsolved - solved > LEAST_SHARE:
        middle = (solved + unsolved) / 2
        solved, unsolved = (middle, unsolved) if is_solved(middle) else (solved, middle)
    return solved


def shown_share(share: float) -> str:
    """Like `is found up to 56 % of`."""
    return f"is found up to {100 * share:.0f} % of" if share else f"is not even found for {100 * LEAST_SHARE:.0f} % of"
