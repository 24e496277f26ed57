"""A clearing algorithm of somebody else is one file, and clears in every path; whatever it does, the status says it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markets import random_market
from mosaik_p2p.api import check, list_shipped
from mosaik_p2p.cosim import run
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.algorithm_registry import ALGORITHMS, GROUP
from mosaik_p2p.market.algorithms.admm import Admm
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.iteration.driver import Algorithm
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.store.cases import WITHOUT_CHARGES
from mosaik_p2p.scenario.reference import entry_text, named, reference_markdown
from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain
from plain_markets import random_tables
from strangers.installed import HERE, found, install, lay
from whereabouts import DOCS

pytestmark = pytest.mark.once

MODULE = "subgradient"
TEXT = (HERE / f"{MODULE}.py").read_text(encoding="utf-8")
PAGE = DOCS / "extending.md"
GAP = 0.05
NOON = ["time.start=2017-03-28T12:00:00+01:00", "time.horizon_steps=2", "settlement.through_networks=[]"]


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("installed")
    lay(folder, MODULE)
    install(folder, GROUP, {MODULE: f"{MODULE}:Subgradient"}, package="strange-algorithm")
    with found(folder, MODULE):
        yield


@pytest.fixture(scope="module")
def algorithm(installed: None) -> type[Algorithm[Any]]:  # noqa: ARG001
    return ALGORITHMS.find(MODULE)


@pytest.fixture
def no_admm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the shipped algorithm all the same fails."""

    def refused(*_: Any) -> None:
        raise AssertionError("admm was not asked for")

    monkeypatch.setattr(Admm, "begin", refused)


@pytest.fixture(scope="module")
def market() -> MarketProblem:
    return random_market(6, 1)


ENDS = {"network": (Status.OK, 5000), "partners": (Status.OK, 5000), "bilateral": (Status.NOT_CONVERGED, 500)}
"""With every single trade to agree on, as in the bilateral form, its steps of one length are too long."""


@pytest.mark.parametrize("form", ENDS)
def test_it_finds_the_market_of_the_shipped_one(form: str, algorithm: type[Algorithm[Any]], market: Any) -> None:
    status, most = ENDS[form]
    best = clear(market, Settings(relative_gap=1e-5))
    other = clear(market, Settings(form=form, algorithm=algorithm, relative_gap=GAP, max_iterations=most))
    assert best.status is Status.OK
    assert other.status is status
    assert other.relative_gap <= GAP
    scale = (other.cost - other.lower_bound) / other.relative_gap
    assert other.lower_bound <= best.cost + 1e-5 * scale
    assert best.cost <= other.cost + 1e-5 * scale
    assert other.iterations % algorithm.check_every == 0


@pytest.mark.usefixtures("no_admm")
def test_too_few_steps_end_in_a_status_with_its_cause(algorithm: type[Algorithm[Any]], market: Any) -> None:
    short = clear(market, Settings(algorithm=algorithm, relative_gap=GAP, max_iterations=7))
    assert short.status is Status.NOT_CONVERGED
    assert short.iterations == 7
    assert "after 7 iterations" in str(short.cause)
    # The last step is a measured one, whenever it comes.
    assert GAP < short.primal_residual < np.inf


@pytest.mark.slow
@pytest.mark.usefixtures("no_admm")
def test_a_run_that_negotiates_and_its_counterfactual_use_it(tmp_path: Path) -> None:
    changes = [
        *(*NOON, "negotiation.enabled=true", "networks.electricity.limits.voltage_pu.min=0.97"),
        *('settlement.counterfactuals=["alone", "without_charges"]', f'market.algorithm="{MODULE}"'),
        *("market.relative_gap=0.2", "negotiation.max_rounds=1"),
    ]
    outcome = run("network1_electric", out=tmp_path / "run", steps=1, overrides=changes, progress=False, report=False)
    assert outcome.summary["complete"]
    for folder in (outcome.folder, counterfactual_folder(outcome.folder, WITHOUT_CHARGES)):
        clearing = pd.read_parquet(folder / "clearing.parquet")
        assert set(clearing["status"]) == {"ok"}
        assert (clearing["relative_gap"] <= 0.2).all()
    rounds = pd.read_parquet(outcome.folder / "clearing.parquet")["round"]
    assert rounds.max() > 0
    assert f'algorithm = "{MODULE}"' in (outcome.folder / "scenario.toml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_admm")
def test_a_day_ahead_market_uses_it() -> None:
    changes = [*NOON, "time.steps=2", "time.clearing=day_ahead", f'market.algorithm="{MODULE}"']
    case = market_case(load("network1_electric", [*changes, f"market.relative_gap={GAP}"]))
    assert make_market(case).clear(0).status is Status.OK


@pytest.mark.usefixtures("no_admm")
@pytest.mark.parametrize("method", [MODULE, f"{MODULE}:Subgradient"])
def test_a_plain_market_uses_it(method: str) -> None:
    agents, pairs = random_tables(1)
    best, other = clear_plain(agents, pairs, method="central"), clear_plain(agents, pairs, method=method, gap=GAP)
    assert other.status is PlainStatus.OK
    assert other.relative_gap is not None
    assert other.relative_gap <= GAP
    assert best.cost is not None
    assert other.cost == pytest.approx(best.cost, rel=GAP)
    assert other.iterations


def test_lists_and_pages_have_it() -> None:
    assert list_shipped().market_algorithms[MODULE].startswith("Projected subgradient")
    assert f"One of `admm`, `{MODULE}`." in reference_markdown()
    assert MODULE in entry_text(named("market")[0])
    (fault,) = check("network1_electric", overrides=['market.algorithm="subgradint"'])
    assert fault.place == "market.algorithm"
    assert f"'{MODULE}'" in fault.remedy


# -- half done ---------------------------------------------------------------------------------------------------------

HALF_DONE = {
    "no step": (TEXT.replace("def step", "def stride"), "lacks `step`"),
    "no docstring": (TEXT.replace('    """Projected sub', '    # """Projected sub'), "has no docstring"),
    "never measured": (TEXT.replace("check_every: ClassVar[int] = 20", "check_every = 0"), "check_every"),
}


@pytest.mark.parametrize("case", HALF_DONE)
def test_what_is_half_done_is_a_fault(case: str, tmp_path: Path) -> None:
    text, problem = HALF_DONE[case]
    assert text != TEXT
    module = f"half_done_{list(HALF_DONE).index(case)}"
    lay(tmp_path, module, text)
    named_so = [f'market.algorithm="{module}:Subgradient"']
    with found(tmp_path, module):
        (unasked,) = check("network1_electric", overrides=named_so)
        (fault,) = check("network1_electric", overrides=named_so, allow_code=True)
        with pytest.raises(BadInput, match="method"):
            clear_plain(*random_tables(1), method=f"{module}:Subgradient")
    assert "--allow-code" in unasked.remedy
    assert fault.place == "market.algorithm"
    assert problem in fault.problem


def test_numbers_without_bounds_end_in_a_status(algorithm: type[Algorithm[Any]], market: Any) -> None:
    class Endless(algorithm):  # type: ignore[misc, valid-type]
        """Gives no numbers after a while."""

        def step(self, sides: Any, state: Any) -> Any:
            following = super().step(sides, state)
            if following.steps > 30:
                return type(state)(**{**vars(following), "answer": np.full_like(following.answer, np.nan)})
            return following

    ended = clear(market, Settings(algorithm=Endless, relative_gap=1e-4))
    assert ended.status is Status.NOT_CONVERGED
    assert ended.iterations == 40
    assert np.isfinite(ended.cost)
    assert ended.lower_bound <= ended.cost


@pytest.mark.skipif(not PAGE.is_file(), reason="docs/ is not part of the installed package")
def test_the_page_shows_the_file_that_was_tried() -> None:
    assert TEXT in PAGE.read_text(encoding="utf-8")
