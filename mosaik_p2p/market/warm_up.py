"""The market's loops are compiled on first use and kept; this says whether that is still to come, and does it.

Processes of their own compile, side by side, and this one then loads what they have kept, as every later run does. A
process that has compiled by itself runs machine code that rounds a little differently: the inner loops stand in it both
by themselves and as parts of the outer ones.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.jit.modes import JIT_IS_OFF
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.iteration.anderson import Anderson
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.network_step.flow_problem import contracts_at, flow_graph
from mosaik_p2p.market.network_step.least_trade import CHEAPEST, serve
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.kernel import loops
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, Role, Variable
from mosaik_p2p.units import ELECTRICITY

ANNOUNCEMENT = "Compiling the market's kernel (once after an installation, about half a minute)"
WITHOUT_KERNEL = "NUMBA_DISABLE_JIT is set: the market's loops run in Python, about a thousand times slower"


def kernel_is_cold() -> bool:
    """Whether the kernel would have to be compiled: nothing of it is kept for this Python."""
    if JIT_IS_OFF:
        return False
    loop = loops.solve_range
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    kept = Path(loop.stats.cache_path).glob(f"*.{loop.__name__}-*.{python}*.nbi")
    return not loop.signatures and not any(kept)


def compile_kernel() -> None:
    """Have everything compiled and kept; where a process cannot be started, the first clearing compiles for itself."""
    module = __name__
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    children = []
    for part in (compile_step, compile_network):
        command = [sys.executable, "-c", f"from {module} import {part.__name__}; {part.__name__}()"]
        try:
            # In a session of their own, an interrupt from the keyboard reaches this process alone, which ends them.
            child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        except OSError:
            continue
        children.append(child)
    try:
        for child in children:
            child.wait()
    finally:
        for child in children:
            child.terminate()


def compile_step() -> None:
    """The prosumers' part: have a tiny market's prosumers complete and answer."""
    problem = _tiny_market()
    fleet = Fleet(problem)
    fleet.dispatch_for_sales(np.zeros(problem.shape))
    fleet.set_penalty(np.ones(problem.shape[::2]))
    fleet.proximal_step(np.zeros(problem.shape))


def compile_network() -> None:
    """All the rest: the network's steps in both of its forms, the least trade, the bound, and the acceleration."""
    problem = _tiny_market()
    nothing = np.zeros(problem.shape)
    for name in ("network", "partners"):
        form = choose_form(problem, name)
        agreed = form.agree(nothing, np.ones(problem.shape[::2]))
        form.charge(agreed.z)
        form.nearest(nothing)
        form.closed(agreed.price_per_kwh)
        form.trades(agreed.z, agreed.price_per_kwh, min_trade_kw=0.0)
    nobody = contracts_at(problem, 0, np.zeros(0, dtype=np.int64), 0)
    serve(flow_graph(problem.charges[0].at(0), nobody.owner), nobody, np.zeros(0), price_per_kwh=1.0, steps=CHEAPEST)
    Fleet(problem).bound(nothing)
    memory = Anderson()
    for value in (0.0, 1.0, 1.5):
        memory.step(np.full(4, value), np.full(4, value + 1.0) * 0.9)


def _tiny_market() -> PreparedProblem:
    charges = no_charges(np.zeros(2, dtype=np.int64))
    models = (_tiny("with a plant", load_kw=1.0, plant_kw=3.0), _tiny("without", load_kw=1.0, plant_kw=0.0))
    return with_imbalance_priced(MarketProblem(models, (charges, charges), 1.0))


def _tiny(name: str, *, load_kw: float, plant_kw: float) -> ProsumerModel:
    builder = ModelBuilder(name, 1.0, 2)
    builder.fixed[ELECTRICITY] = builder.series(load_kw)
    builder.size_kw = load_kw
    builder.variable(Variable("grid", CONTRACT, Role.IMPORT), upper=10.0, price=1.0, adds={ELECTRICITY: 1.0})
    builder.variable(Variable("plant", "plant", Role.POWER), upper=plant_kw, price=0.1, adds={ELECTRICITY: 1.0})
    return builder.build(member=(True, False))
