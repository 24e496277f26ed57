"""The former name of `mosaik_p2p.limits`; it goes with the next version but one."""

import warnings
from typing import Any

from mosaik_p2p import limits

warnings.warn("mosaik_p2p.feasibility is called mosaik_p2p.limits now", DeprecationWarning, stacklevel=2)


def __getattr__(name: str) -> Any:
    return getattr(limits, name)
