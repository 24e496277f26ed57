"""Machine code of pandapower's loops, kept between processes.

pandapower has numba compile them in every process that solves a power flow, for three seconds; taking them from where
they were kept costs a tenth of one.
"""

import importlib
from functools import cache

from mosaik_p2p.jit.modes import keep_code_of

MODULES = (
    "pandapower.build_bus",
    "pandapower.pf.makeYbus_numba",
    "pandapower.pf.dSbus_dV_numba",
    "pandapower.pf.create_jacobian_numba",
    "pandapower.pf.pfsoln_numba",
)
"""Those of a Newton-Raphson power flow; none of their loops calls one of another file."""


@cache
def keep_code() -> None:
    """Before the first power flow of a process."""
    for name in MODULES:
        keep_code_of(importlib.import_module(name))
