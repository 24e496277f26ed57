"""Which clearing algorithms there are."""

from typing import Any

from mosaik_p2p.market.iteration.driver import Algorithm
from mosaik_p2p.sections.registry import Registry

GROUP = "mosaik_p2p.algorithms"


def _lacking(kind: type[Algorithm[Any]]) -> str | None:
    """What an algorithm does not say of itself."""
    if not kind.__doc__:
        return "has no docstring, which says what it does"
    if not (isinstance(kind.check_every, int) and kind.check_every > 0):
        return f"has check_every = {kind.check_every!r}, which has to be a number of steps"
    return None


ALGORITHMS = Registry[Algorithm[Any]](
    sort="clearing algorithm",
    group=GROUP,
    package="mosaik_p2p.market.algorithms",
    base=Algorithm,  # type: ignore[type-abstract]  # others are compared with it, it is not called
    lacking=_lacking,
)
