"""Names of columns stand where rows are assembled and where tables are declared; where they differ a run says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mosaik_p2p.loading import load
from mosaik_p2p.market.over_time import tables as assembling
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.settlement import settle
from mosaik_p2p.sims import market, recorder

pytestmark = pytest.mark.once

OF_THE_MARKET = ("inputs", "charges", "clearing", "regrets", "trades", "prosumers", "devices", "alone", "alone_devices")


@pytest.fixture(scope="module")
def sent() -> dict[str, Any]:
    """The tables of one interval, as our market sends them."""
    simulator: Any = market.Simulator()
    simulator.init("market")
    simulator.create(1, "Market", scenario=load("network1_electric", ["time.horizon_steps=2"]))
    simulator.setup_done()
    simulator.step(0, {}, 0)
    tables: dict[str, Any] = simulator.get_data({"Market": ["tables"]})["Market"]["tables"]["tables"]
    return tables


def opened(folder: Path) -> Any:
    simulator: Any = recorder.Simulator()
    simulator.init("recorder")
    simulator.create(1, "Recorder", scenario=load("network1_electric"), folder=folder)
    return simulator


def record(simulator: Any, tables: dict[str, Any]) -> None:
    message = {"round": 0, "wall_s": 0.0, "tables": tables}
    simulator.step(0, {"Recorder": {"tables": {"market.Market": message}}}, 0)
    simulator.finish()


def test_what_is_sent_is_what_is_declared(sent: dict[str, Any], tmp_path: Path) -> None:
    assert set(OF_THE_MARKET) <= set(sent)
    record(opened(tmp_path), sent)


def test_a_column_too_many_or_too_few_is_never_silent(sent: dict[str, Any], tmp_path: Path) -> None:
    simulator = opened(tmp_path)
    for name in OF_THE_MARKET:
        for column in sent[name]:
            if column == recorder.OFFSET:
                continue
            less = {key: values for key, values in sent[name].items() if key != column}
            renamed = {f"{key}x" if key == column else key: values for key, values in sent[name].items()}
            for wrong, problem in ((less, f"missing columns.*'{column}'"), (renamed, f"does not have.*'{column}x'")):
                with pytest.raises(ValueError, match=f"market.Market sent table '{name}' with.*{problem}"):
                    record(simulator, {**sent, name: wrong})


def fewer(names: str, rows: Any) -> Any:
    """As where somebody forgets a name."""
    return assembling.table_of(names.split()[:-1], [row[:-1] for row in rows])


def one_name_less(names: str, rows: Any) -> Any:
    """As where somebody forgets a name, and not its value."""
    return assembling.table_of(names.split()[:-1], rows)


@pytest.mark.parametrize(
    ("fault", "problem"), [(fewer, "missing columns"), (one_name_less, "a row of [0-9]+ values for the")]
)
def test_a_name_that_is_forgotten_where_rows_are_assembled(
    fault: Callable[[str, Any], Any], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembling, "_columns", fault)
    simulator: Any = market.Simulator()
    simulator.init("market")
    simulator.create(1, "Market", scenario=load("network1_electric", ["time.horizon_steps=2"]))
    simulator.setup_done()

    def run() -> None:
        simulator.step(0, {}, 0)
        record(opened(tmp_path), simulator.get_data({"Market": ["tables"]})["Market"]["tables"]["tables"])

    with pytest.raises(ValueError, match=problem):
        run()


@pytest.mark.parametrize("table", ["trades", "prosumers", "devices", "alone"])
def test_settling_takes_no_table_without_a_column_that_it_needs(table: str, sent: dict[str, Any]) -> None:
    needed = {"trades": "price_per_kwh", "devices": "cost"}.get(table, "cleared_surplus_kw")
    assert needed in TABLES[table].columns
    less = {key: values for key, values in sent[table].items() if key != needed}
    with pytest.raises(KeyError, match=needed):
        settle({**sent, table: less}, dt_h=1.0, loss_price_per_kwh=None)
