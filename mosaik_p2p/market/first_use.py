"""The market's loops are compiled on first use and kept; this says whether that is still to come, and does it."""

from pathlib import Path

import numpy as np

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.market import batch
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel, Variable
from mosaik_p2p.units import ELECTRICITY

ANNOUNCEMENT = "Compiling the market's kernel (once after an installation, about 15 s)"


def kernel_is_cold() -> bool:
    """Whether the kernel would have to be compiled: nothing compiled is kept that is as new as its source."""
    loop = batch._solve_range
    source = Path(batch.__file__)
    kept = Path(loop.stats.cache_path).glob(f"{source.stem}.{loop.__name__}-*.nbi")
    return not loop.signatures and not any(path.stat().st_mtime >= source.stat().st_mtime for path in kept)


def compile_kernel() -> None:
    """Clear a market of two, so that everything is compiled and kept."""
    charges = no_charges(np.zeros(2, dtype=np.int64))
    models = (_tiny("with a plant", load_kw=1.0, plant_kw=3.0), _tiny("without", load_kw=1.0, plant_kw=0.0))
    clear(MarketProblem(models, (charges, charges), 1.0), Settings())


def _tiny(name: str, *, load_kw: float, plant_kw: float) -> ProsumerModel:
    builder = ModelBuilder(name, 1.0, 2)
    builder.fixed[ELECTRICITY] = builder.series(load_kw)
    builder.size_kw = load_kw
    builder.variable(Variable("grid", "contract", "import"), upper=10.0, price=1.0, adds={ELECTRICITY: 1.0})
    builder.variable(Variable("plant", "pv", "power"), upper=plant_kw, price=0.1, adds={ELECTRICITY: 1.0})
    return builder.build(member=(True, False))
