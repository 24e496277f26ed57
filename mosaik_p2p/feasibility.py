"""The former name of `mosaik_p2p.limits`, and of its modules."""

import warnings
from importlib import import_module
from types import ModuleType

warnings.warn("mosaik_p2p.feasibility is called mosaik_p2p.limits now", DeprecationWarning, stacklevel=2)

FORMER = {"checked": "checking", "limits": "stated"}
"""Modules that have another name too."""


def __getattr__(name: str) -> ModuleType:
    try:
        return import_module(f"mosaik_p2p.limits.{FORMER.get(name, name)}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"mosaik_p2p.limits has no module {name!r}") from error
