"""How much a prosumer can inject in an interval, against linear programmes over its own limits (HiGHS)."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from markets import equipped_prosumer, expected
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.heat_tank import HeatTank
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds, own_rows
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window

CLOSE_KW = 1e-6
SIZE_KW = 10.0


def modelled(prosumer: Prosumer, *, horizon: int, dt_h: float) -> ProsumerModel:
    window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
    return prosumer_model(prosumer, initial_state(prosumer, day=0), window, dt_h=dt_h, member=(True, True))


def owning(*devices: Device, horizon: int, dt_h: float) -> ProsumerModel:
    return modelled(Prosumer("A", 0, (0, 1), 1.0, devices, ()), horizon=horizon, dt_h=dt_h)


def told(model: ProsumerModel, t: int = 0) -> list[tuple[float, float]]:
    """By carrier, what `injection_bounds` says of interval `t`."""
    charges = tuple(no_charges(np.zeros(1, dtype=np.int64)) for _ in range(2))
    least, most = injection_bounds(MarketProblem((model,), charges, model.dt_h), np.array([SIZE_KW]), t)
    return list(zip(least[:, 0], most[:, 0], strict=True))


def ends(model: ProsumerModel, c: int, t: int = 0) -> tuple[float, float]:
    """Least and largest injection of interval `t`, by two linear programmes."""
    rows = own_rows(model)
    objective = np.zeros(model.lower.shape)
    objective[rows, t] = model.balance[c, rows, t]
    matrix, right = model.equations
    bounds = np.stack([model.lower.ravel(), model.upper.ravel()], axis=1)
    found = [linprog(sign * objective.ravel(), A_eq=matrix, b_eq=right, bounds=bounds) for sign in (1.0, -1.0)]
    if any(one.status != 0 for one in found):
        return np.inf, -np.inf
    return found[0].fun - float(model.fixed[c, t]), -found[1].fun - float(model.fixed[c, t])


def one_way(model: ProsumerModel, c: int, t: int = 0) -> tuple[float, float]:
    """The same with the storage's two directions one at a time."""
    (storage,) = model.storages
    ranges = []
    for k, _ in storage.withdrawal:
        upper = model.upper.copy()
        upper[k, t] = 0.0
        ranges.append(ends(replace(model, upper=upper), c, t))
    return min(low for low, _ in ranges), max(high for _, high in ranges)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", [Battery, HeatTank])
def test_a_storage_alone_reaches_exactly_what_its_levels_allow(kind: type[Battery | HeatTank], seed: int) -> None:
    rng = np.random.default_rng(seed)
    most_kwh = rng.uniform(5.0, 20.0)
    levels = (rng.uniform(0.0, 0.2) * most_kwh, most_kwh, rng.uniform(0.2, 1.0) * most_kwh)
    # Half of the seeds have to fill, or are too full to be charged.
    powers = (rng.uniform(4.0, 12.0), rng.uniform(4.0, 12.0))
    final = min(rng.uniform(0.2, 1.0) * most_kwh, levels[2] + 0.1 * powers[0])
    efficiencies = (rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.0))
    common = (*powers, *levels, final, *efficiencies)
    device: Device = Battery("s", *common, 0.1) if kind is Battery else HeatTank("s", *common, 0.04, 0.1)
    c = 0 if kind is Battery else 1
    model = owning(device, horizon=1 + seed % 4, dt_h=(0.25, 0.5, 1.0)[seed % 3])
    assert np.isfinite(one_way(model, c)).all()
    for t in range(model.horizon):
        assert told(model, t)[c] == pytest.approx(one_way(model, c, t), abs=CLOSE_KW)
        assert told(model, t)[1 - c] == (0.0, 0.0)


def test_a_storage_that_must_fill_and_one_that_is_full() -> None:
    """By hand, in half hours: 2 kWh are wanted at once at an efficiency of 0.8; 10 kWh are all it holds."""
    must = owning(Battery("s", 12.0, 12.0, 0.0, 10.0, 4.0, 6.0, 0.8, 0.5, 0.0), horizon=1, dt_h=0.5)
    assert told(must)[0] == pytest.approx((-12.0, -2.0 / 0.8 / 0.5))
    full = owning(Battery("s", 12.0, 12.0, 0.0, 10.0, 10.0, 0.0, 0.8, 0.5, 0.0), horizon=2, dt_h=0.5)
    assert told(full)[0] == pytest.approx((0.0, 10.0 * 0.5 / 0.5))


def test_a_load_with_energy_to_take_and_plants() -> None:
    """A load of 6 kWh in two hours takes 1 to 5 kW now; a generator gives 1 to 4 kW, a plant up to 3 kW."""
    load = FlexibleLoad("load", "electricity", expected(np.array([3.0, 3.0])), 0.5, 5.0, 0.1)
    pv = Pv("pv", expected(np.array([3.0, 9.0])), 0.1)
    model = owning(load, pv, Generator("g", 1.0, 4.0, 0.1, 0.0), horizon=2, dt_h=1.0)
    assert told(model)[0] == pytest.approx((-5.0 + 1.0, -1.0 + 4.0 + 3.0))


@pytest.mark.parametrize("seed", range(12))
def test_nothing_that_a_prosumer_can_do_is_outside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prosumer = equipped_prosumer(rng, "A", span=4, dt_h=0.5, first_hour=float(rng.integers(24)))
    model = modelled(prosumer, horizon=4, dt_h=0.5)
    for c, t in product(range(2), range(4)):
        (least, most), (low, high) = told(model, t)[c], ends(model, c, t)
        assert least <= low + CLOSE_KW
        assert most >= high - CLOSE_KW
        # Devices that are coupled, or burn by going both ways, reach less than the sum of each.
        assert most - least <= 2.0 * (high - low) + 10.0
