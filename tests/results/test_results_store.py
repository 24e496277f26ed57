"""The tables on disk: the same content however they were written, readable at any moment, nobody's files lost."""

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_results import SMALL, Made, columns, interval, write_made
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.accounts.losses import whole_losses
from mosaik_p2p.results.store.mark import MARK_FILE, ResultFolder
from mosaik_p2p.results.store.parts import ResultStore, read_table
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.settlement.ledger import IN_MARKET
from whereabouts import SUPPORT

NOON = datetime(2017, 3, 21, 12, tzinfo=UTC)

CONTRACT = {
    "inputs": "time prosumer device quantity forecast realised",
    "draws": "time prosumer device quantity value choice",
    "clearing": "time round binding form status cause iterations primal_residual dual_residual cost lower_bound "
    "relative_gap gap_of_gain repaired since_clearing clipped_pairs exchanges sent_bytes further_clearings",
    "regrets": "time prosumer money",
    "trades": "time carrier seller buyer power_kw price_per_kwh charge_seller_per_kwh charge_buyer_per_kwh "
    "surcharge_seller_per_kwh surcharge_buyer_per_kwh benefit_per_kwh",
    "prosumers": "time prosumer carrier net_sale_kw import_kw export_kw injection_kw q_injection_kvar imbalance_kw "
    "marginal_price_per_kwh import_price_per_kwh export_price_per_kwh imbalance_price_per_kwh "
    "surcharge_per_kwh place_charge_injected_per_kwh place_charge_sold_per_kwh cleared_surplus_kw",
    "devices": "time prosumer device type family carrier el_kw heat_kw fuel_kw level_kwh cost missed_kwh",
    "closing": "time case prosumer hours cost_from_initial cost_from_reached closing_value cause",
    "flows": "time round network status cause iterations slack_kw loss_kw pump_kw",
    "background": "time quantity factor",
    "heat_exchanges": "time prosumer mode cleared_kw delivered_kw mdot_kg_per_s t_supply_c t_return_c dp_bar status",
    "plants": "time plant heat_kw mdot_kg_per_s t_supply_c t_return_c head_bar pump_kw",
    "buses": "time bus vm_pu va_degree p_injection_kw q_injection_kvar",
    "lines": "time element p_from_kw q_from_kvar p_to_kw q_to_kvar i_ka loading_percent loss_kw",
    "transformers": "time element p_hv_kw q_hv_kvar p_lv_kw q_lv_kvar i_ka loading_percent loss_kw tap_pos",
    "junctions": "time junction side p_bar t_c flowing",
    "pipes": "time pipe mdot_kg_per_s velocity_m_per_s dp_pa_per_m t_in_c t_out_c loss_kw",
    "negotiation": "time round move network element quantity unit is_upper limit multiplier slack within_means",
    "violations": "time round network element quantity value limit unit excess prosumers_can_influence",
    "settlement": "time case party counterparty carrier item energy_kwh money",
    "losses": "time party counterparty carrier energy_kwh loss_kwh",
    "alone": "time prosumer carrier import_kw export_kw imbalance_kw injection_kw q_injection_kvar cost level_kwh "
    "import_price_per_kwh export_price_per_kwh imbalance_price_per_kwh fuel_kw fuel_cost missed_kwh "
    "cleared_surplus_kw",
    "alone_devices": "time prosumer device type family carrier el_kw heat_kw fuel_kw level_kwh cost missed_kwh",
    "envelopes": "time prosumer carrier base_kw low_kw high_kw share",
    "nodal_prices": "time prosumer carrier energy_per_kwh loss_per_kwh congestion_per_kwh voltage_per_kwh "
    "heat_limits_per_kwh",
    "thinned": "time table rows stored",
    "flows_without_market": "time case network status cause iterations slack_kw loss_kw pump_kw",
    "violations_without_market": "time case network element quantity value limit unit excess",
    "charges": "time carrier prosumer partner charge_seller_per_kwh charge_buyer_per_kwh benefit_per_kwh",
}


def bus_rows(*entries: tuple[datetime, str, float | None]) -> dict[str, list[object]]:
    return columns("buses", [{"time": time, "bus": bus, "vm_pu": vm} for time, bus, vm in entries])


def test_the_tables_have_the_columns_that_others_rely_on():
    assert {name: " ".join(shape.schema.names) for name, shape in TABLES.items()} == CONTRACT


def test_a_table_can_be_read_while_the_run_goes_on_and_after_its_end(tmp_path: Path):
    store = ResultStore(tmp_path)
    store.append("buses", bus_rows((NOON, "b", 1.0), (NOON, "a", None)))
    store.flush()
    store.append("buses", bus_rows((NOON + timedelta(hours=1), "a", 0.98)))
    assert len(read_table(tmp_path, "buses")) == 2, "unflushed rows are not there yet"
    store.flush()
    assert [part.name for part in sorted((tmp_path / "buses.parquet").iterdir())] == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    during = read_table(tmp_path, "buses")
    assert len(pd.read_parquet(tmp_path / "buses.parquet")) == 3
    store.close()
    assert (tmp_path / "buses.parquet").is_file()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "buses.parquet"), during)
    pd.testing.assert_frame_equal(read_table(tmp_path, "buses"), during)
    assert list(during["bus"]) == ["a", "b", "a"]
    assert str(during["time"].dtype) == "datetime64[us, UTC]"


def test_every_table_is_there_at_the_end_also_without_rows(tmp_path: Path):
    ResultStore(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {MARK_FILE, *(f"{name}.parquet" for name in TABLES)}
    for name, shape in TABLES.items():
        assert pq.read_schema(tmp_path / f"{name}.parquet").equals(shape.schema)


def test_a_table_that_was_never_written_reads_as_an_empty_one(tmp_path: Path):
    frame = read_table(tmp_path, "pipes")
    assert len(frame) == 0
    assert list(frame.columns) == TABLES["pipes"].schema.names


def test_a_time_with_another_offset_is_stored_as_the_same_moment(tmp_path: Path):
    store = ResultStore(tmp_path)
    store.append("buses", bus_rows((NOON.astimezone(timezone(timedelta(hours=5))), "a", 1.0)))
    store.close()
    assert read_table(tmp_path, "buses")["time"][0] == pd.Timestamp(NOON)


def test_every_row_keeps_its_own_moment(tmp_path: Path):
    moments = [NOON + timedelta(hours=n) for n in (1, 0, 1, 2, 0)]
    store = ResultStore(tmp_path)
    store.append("buses", bus_rows(*((moment, f"b{n}", float(n)) for n, moment in enumerate(moments))))
    store.close()
    stored = read_table(tmp_path, "buses")
    assert dict(zip(stored["bus"], stored["time"], strict=True)) == {
        f"b{n}": pd.Timestamp(moment) for n, moment in enumerate(moments)
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bus": None}, "missing columns"),
        ({"surprise": [1.0]}, "unknown columns"),
        ({"vm_pu": [1.0, 2.0]}, "different length"),
        ({"vm_pu": ["high"]}, "does not hold double"),
        ({"vm_pu": [math.nan]}, "NaN"),
        ({"time": [NOON.replace(tzinfo=None)]}, "time zone"),
        ({"time": [None]}, "time zone"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, list[object] | None], message: str):
    rows = {**bus_rows((NOON, "a", 1.0)), **change}
    with pytest.raises(ValueError, match=message):
        ResultStore(tmp_path).append("buses", {name: column for name, column in rows.items() if column is not None})


def test_a_table_that_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no table 'bus'"):
        ResultStore(tmp_path).append("bus", {})


def test_a_second_store_does_not_mix_its_rows_with_those_of_the_first(tmp_path: Path):
    write_made(tmp_path, Made(steps_computed=2, is_closed=False))
    with pytest.raises(BadInput, match="holds tables of an earlier run"):
        ResultStore(tmp_path)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_content_does_not_depend_on_order_or_parts(data: st.DataObject):
    entries = [(NOON + timedelta(hours=k), bus, 1.0 - k / 100) for k in range(3) for bus in "abc"]
    shuffled = data.draw(st.permutations(entries))
    flushes = data.draw(st.lists(st.booleans(), min_size=len(entries), max_size=len(entries)))
    with TemporaryDirectory() as name:
        store = ResultStore(Path(name))
        for entry, is_flushed in zip(shuffled, flushes, strict=True):
            store.append("buses", bus_rows(entry))
            if is_flushed:
                store.flush()
        store.close()
        frame = read_table(Path(name), "buses")
    assert list(zip(frame["time"], frame["bus"], strict=True)) == [
        (pd.Timestamp(time), bus) for time, bus, _ in entries
    ]


def test_a_run_that_dies_between_two_flushes_keeps_what_was_flushed(tmp_path: Path):
    script = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from made_results import SMALL, columns, interval\n"
        "from mosaik_p2p.results.store.parts import ResultStore\n"
        "store = ResultStore(Path(sys.argv[1]))\n"
        "for k in range(2):\n"
        "    for table, rows in interval(SMALL, k).items(): store.append(table, columns(table, rows))\n"
        "    if k == 0: store.flush()\n"
        "os._exit(9)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(SUPPORT)], check=False)
    assert died.returncode == 9
    assert len(read_table(tmp_path, "clearing")) == 1
    assert len(read_table(tmp_path, "buses")) == len(interval(SMALL, 0)["buses"])


def test_an_unfinished_part_is_not_read(tmp_path: Path):
    store = ResultStore(tmp_path)
    store.append("buses", bus_rows((NOON, "a", 1.0)))
    store.flush()
    (tmp_path / "buses.parquet" / ".part-00001.parquet.tmp").write_bytes(b"PAR1 half a file")
    assert len(read_table(tmp_path, "buses")) == 1
    assert len(pd.read_parquet(tmp_path / "buses.parquet")) == 1


def test_the_clearing_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Killed at any moment, a run has no interval in it that lacks other tables."""
    written: list[str] = []
    monkeypatch.setattr(ResultFolder, "write", lambda _, name, *__, **___: written.append(name.partition(".")[0]))
    results = ResultStore(tmp_path)
    for table, rows in interval(SMALL, 0).items():
        results.append(table, columns(table, rows))
    results.flush()
    assert written[-1] == "clearing"
    assert written.count("clearing") == 1


@pytest.mark.parametrize("change", [{"time": "moment"}, {"iterations": "rounds"}])
def test_a_table_with_other_columns_is_not_read(tmp_path: Path, change: dict[str, str]):
    write_made(tmp_path, SMALL)
    path = tmp_path / "clearing.parquet"
    pd.read_parquet(path).rename(columns=change).to_parquet(path)
    with pytest.raises(ValueError, match=f"lacks columns.*{next(iter(change))}"):
        read_table(tmp_path, "clearing")


def test_what_is_made_of_tables_once_belongs_to_these_results_and_to_nobody_else(tmp_path: Path) -> None:
    results = read_results(write_made(tmp_path, SMALL))
    first, losses = results.of_binding_round("flows"), whole_losses(results, IN_MARKET)
    first["loss_kw"], losses["loss_kw"] = -1.0, -1.0
    flows = results["flows"]
    pd.testing.assert_frame_equal(results.of_binding_round("flows")[list(flows)], flows[list(flows)])
    np.testing.assert_array_equal(whole_losses(results, IN_MARKET)["loss_kw"], flows["loss_kw"])
    doubled = replace(results, tables={**results.tables, "flows": flows.assign(loss_kw=2.0 * flows["loss_kw"])})
    np.testing.assert_array_equal(whole_losses(doubled, IN_MARKET)["loss_kw"], 2.0 * flows["loss_kw"])
