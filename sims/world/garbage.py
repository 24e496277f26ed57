"""What a world is made of is not looked through for garbage while it runs.

Python's collector of cycles visits every object that lives, again and again: of a district of a thousand houses a
million, which stay as long as the run does. That is a tenth of what an hour costs.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OFTEN = 20_000
"""Objects made, less those that are gone, from one look at the young ones to the next. An hour makes hundreds of
thousands, nearly none of them in cycles."""


@contextmanager
def left_alone() -> Iterator[None]:
    """What lives now is not visited until the end of the block; what is made inside is collected, more rarely."""
    if gc.get_freeze_count():
        # Somebody else has put objects aside, and would miss them when they come back here.
        yield
        return
    thresholds = gc.get_threshold()
    gc.freeze()
    # Nought says that it is off, and is to stay off.
    gc.set_threshold(max(thresholds[0], OFTEN) if thresholds[0] else 0, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
