"""`mosaik-p2p charges`: what it prints and writes, in agreement with the charges of a run."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mosaik_p2p import cli
from mosaik_p2p.api import charge_sheets
from mosaik_p2p.loading import load
from mosaik_p2p.loading.charges.posted import posted_charges

pytestmark = pytest.mark.once

EVENING = 'factor=[{ from="18:00", to="22:00", factor=2.0 }]'
OHM = 'charges.electricity={ mechanism="thevenin_distance", rate=0.01, base_kv=1.0, payer="buyer" }'
ZONES = f'charges.electricity={{ mechanism="zonal", rate=0.01, by="feeder", {EVENING} }}'
PLACES = 'charges.electricity={ mechanism="nodal", per_kwh={ "13"=0.1, "5"=0.0, "7"=-0.1, "10"=0.0, "15"=0.02 } }'


def table(tmp_path: Path, text: str) -> str:
    (tmp_path / "charges.csv").write_text(text)
    return f'charges.electricity={{ mechanism="table", file="{(tmp_path / "charges.csv").as_posix()}" }}'


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("sys.argv", ["mosaik-p2p", "charges", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_matrix_unit_and_base_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    assert run(monkeypatch, "network1_electric", "--set", OHM, "--csv", str(out)) == 0
    told = capsys.readouterr().out
    assert "0.01 CNY per kWh and ohm at 1 kV, pair charges paid by buyer" in told
    assert "No pair is undercut" in told
    posted = posted_charges(load("network1_electric", [OHM])).pairs[0]
    found = rows(out)
    assert list(found[0]) == [
        *("carrier", "time", "seller", "buyer"),
        *("charge_seller_per_kwh", "charge_buyer_per_kwh", "chain_per_kwh"),
    ]
    assert len(found) == 5 * 4
    for row in found:
        i, j = ("ABCDE".index(row[end]) for end in ("seller", "buyer"))
        assert float(row["charge_seller_per_kwh"]) == 0.0
        assert float(row["charge_buyer_per_kwh"]) == pytest.approx(posted.total[i, j])
        assert f"{posted.total[i, j]:.4f}" in told


def test_intervals_that_differ_are_all_written_and_one_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    assert run(monkeypatch, "network1_electric", "--set", ZONES, "--csv", str(out)) == 0
    paid = {row["time"][11:16]: float(row["charge_seller_per_kwh"]) for row in rows(out)}
    assert paid == {"00:00": 0.01, "18:00": 0.02, "22:00": 0.01}
    assert run(monkeypatch, "network1_electric", "--set", ZONES, "--at", "19:30", "--csv", str(out)) == 0
    assert {(row["time"], row["charge_seller_per_kwh"]) for row in rows(out)} == {("2017-03-28T19:00:00+01:00", "0.02")}
    assert "0.0400" in capsys.readouterr().out


def test_places_are_told_and_a_chain_keeps_their_difference() -> None:
    (sheet,) = charge_sheets("network1_electric", overrides=[PLACES])
    assert sheet.place_per_kwh.tolist() == [0.1, 0.0, -0.1, 0.0, 0.02]
    assert sheet.total_per_kwh[0, 2] == pytest.approx(0.2)
    assert sheet.total_per_kwh[2, 0] == pytest.approx(-0.2)
    apart = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(sheet.chain_per_kwh[apart], sheet.total_per_kwh[apart], atol=1e-12)
    assert not sheet.undercut.any()


def test_pairs_that_a_chain_undercuts_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = "ABCDE"
    lines = [
        ",".join([a, *("0.5" if {a, b} == {"A", "C"} else "0" if a == b else "0.1" for b in names)]) for a in names
    ]
    dear = table(tmp_path, "\n".join(["prosumer,A,B,C,D,E", *lines]))
    assert run(monkeypatch, "network1_electric", "--set", dear) == 0
    told = capsys.readouterr().out
    assert "1 pairs are undercut" in told
    assert "A and C: 0.5, by a chain 0.2 CNY/kWh" in told
    # Where those in between may not trade, nobody sells on.
    few = 'market.partners=[["A", "C"], ["A", "B"]]'
    (sheet,) = charge_sheets("network1_electric", overrides=[dear, few])
    assert not sheet.undercut.any()
    assert int(sheet.may_trade.sum()) == 4


def test_a_page_with_pictures_is_written_and_nothing_else_replaced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page, other = tmp_path / "charges.html", tmp_path / "other.html"
    other.write_text("mine")
    assert run(monkeypatch, "network1", "--picture", str(page)) == 0
    assert run(monkeypatch, "network1", "--carrier", "heat", "--picture", str(page)) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot") == 1
    assert "thermal_distance" in text
    assert run(monkeypatch, "network1", "--picture", str(other), "--csv", str(other)) == 2
    assert other.read_text() == "mine"
    assert "is not a picture of charges" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--carrier", "heat"), "has no network"),
        (("--carrier", "gas"), "is no carrier"),
        (("--at", "noon"), "is no time"),
        (("--at", "2017-03-29T00:00"), "is outside of the run"),
        (("--picture", "charges.png"), "is no page"),
        (("--csv", "nowhere/charges.csv"), "folder does not exist"),
        (("--set", "charges.electricity.rate=-1"), "charges.electricity.rate"),
    ],
)
def test_a_mistake_is_bad_input(
    options: tuple[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "network1_electric", *options) == 2
    assert told in capsys.readouterr().err
