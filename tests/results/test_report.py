"""The report: built from the folder alone, the same every time, and drawn by a real browser without any request."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from browser import dump_dom, find_browser
from made_nets import write_feeder
from made_results import BROKEN_OFF, ELECTRIC_ONLY, SMALL, START, VILLAGE, interval, write_made, write_tables
from mosaik_p2p import api
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.report.sentences import verdict_sentence
from mosaik_p2p.results.summary import read_summary

CASES = {"small": SMALL, "electric": ELECTRIC_ONLY, "broken": BROKEN_OFF, "village": VILLAGE}

PROBE = """<script>
window.problems = [];
// The colour of a trace's line as it stands in the drawing.
function stroke(plot, trace) {
  const drawn = [...plot.querySelectorAll(".scatterlayer .trace")].find(one =>
    one.__data__[0].trace.name === trace.name);
  const [red, green, blue] = drawn.querySelector("path.js-line").style.stroke.match(/[0-9]+/g).map(Number);
  return "#" + [red, green, blue].map(part => part.toString(16).padStart(2, "0")).join("");
}
// Move the slider of the map through all its intervals, and note how the line 1-2 is drawn in each.
function moved() {
  const range = document.querySelector(".slider input"), plot = document.getElementById("fig-map-electricity");
  return range === null ? [] : Array.from({ length: Number(range.max) + 1 }, (_, t) => {
    range.value = t;
    range.dispatchEvent(new Event("input"));
    const middles = plot.data.find(trace => trace.text && trace.text.some(text => text.startsWith("1-2:")));
    const at = middles.text.findIndex(text => text.startsWith("1-2:")), x = middles.x[at];
    const drawn = plot.data.find(trace => trace.mode === "lines"
      && trace.x.some((start, k) => Math.abs((start + trace.x[k + 1]) / 2 - x) < 1e-9 && start !== null));
    const nodes = plot.data.filter(trace => trace.customdata);
    const ringed = nodes.flatMap(trace => trace.customdata.filter((_, k) => trace.marker.line.width[k] > 3));
    return { told: document.querySelector(".slider output").textContent, colour: stroke(plot, drawn),
      text: middles.text[at], ringed: ringed.map(text => text.split(":")[0]) };
  });
}
window.addEventListener("error", function (event) { window.problems.push(String(event.message)); });
document.addEventListener("securitypolicyviolation", function (event) { window.problems.push(event.blockedURI); });
const drawnPlots = () => [...document.querySelectorAll(".plot")].filter(plot => plot.querySelector("svg.main-svg"));
window.addEventListener("load", function () { document.querySelector(".plot").scrollIntoView(); setTimeout(function () {
  // Only what is near the window is drawn; printing draws all of it.
  const near = drawnPlots().map(plot => plot.id);
  window.dispatchEvent(new Event("beforeprint"));
  window.dispatchEvent(new Event("afterprint"));
  var drawn = [...document.querySelectorAll(".plot")].filter(plot => plot.querySelector("svg.main-svg"));
  var probe = document.createElement("pre");
  probe.id = "probe";
  probe.textContent = JSON.stringify({ moved: moved(), near: near, problems: window.problems,
    drawn: drawn.map(plot => plot.id), verdict: document.getElementById("verdict").textContent,
    requests: performance.getEntriesByType("resource").length });
  document.body.appendChild(probe);
}, 2000); });
</script>"""
"""Says inside the page, once it has settled, what was drawn and what went wrong."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: write_made(tmp_path_factory.mktemp(name), made) for name, made in CASES.items()}
    write_feeder(made["small"], SMALL)
    return made


@pytest.fixture(scope="module")
def pages(folders: dict[str, Path]) -> dict[str, str]:
    return {name: build_report(folder).read_text(encoding="utf-8") for name, folder in folders.items()}


@pytest.fixture
def small(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the small run, for a test to change."""
    return shutil.copytree(folders["small"], tmp_path / "small", ignore=shutil.ignore_patterns("report.html"))


def without_library(page: str) -> str:
    """The page without the drawing library, whose text is not ours."""
    return re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


Edited = Callable[[Callable[[dict[str, Any]], object]], str]


@pytest.fixture
def edited(small: Path) -> Edited:
    """The page, without the drawing library, of a made run whose summary was changed."""

    def page(change: Callable[[dict[str, Any]], object]) -> str:
        summary = json.loads((small / "summary.json").read_text())
        change(summary)
        (small / "summary.json").write_text(json.dumps(summary))
        return without_library(build_report(small).read_text())

    return page


def plots(page: str) -> list[str]:
    return re.findall(r'<div class="plot" id="([^"]+)"', page)


def test_the_report_opens_with_the_verdict(folders: dict[str, Path], pages: dict[str, str]):
    for name, page in pages.items():
        assert verdict_sentence(read_summary(folders[name])) in page


def test_only_a_run_that_broke_off_has_the_banner(pages: dict[str, str]):
    assert [name for name, page in pages.items() if 'class="missing"' in page] == ["broken"]
    assert "Only 4 of 6 intervals were computed" in pages["broken"]


def test_a_market_without_heat_has_no_heat_figures(pages: dict[str, str]):
    wanted = {
        "fig-verdicts",
        "fig-voltage_min",
        "fig-line_loading",
        "fig-transformer_loading",
        "fig-exchange-electricity",
    }
    assert wanted <= set(plots(pages["electric"]))
    heat = {
        "fig-t_supply",
        "fig-velocity",
        "fig-pressure_gradient",
        "fig-exchange-heat",
        "fig-energy-heat",
        "fig-prices-heat",
    }
    assert heat.isdisjoint(plots(pages["electric"]))
    assert heat <= set(plots(pages["small"]))


def test_the_page_answers_in_the_order_of_a_planners_questions(pages: dict[str, str]):
    """Verdict, violated limits, maps, profiles, networks, inputs, dispatch, market, money; in one `main` landmark."""
    page = without_library(pages["small"])
    assert page.count("<main>") == page.count("</main>") == 1
    titles = re.findall(r"<h2>([^<]+)</h2>", page)
    asked = ["Violated limits", "Feasibility over time", "Maps", "Along the way", "Electricity network", "Heat network"]
    asked += ["Inputs", "Dispatch and balance", "Storage", "Market", "Money", "Clearing"]
    assert [title for title in titles if title in asked] == asked
    assert page.index('id="verdict"') < page.index("<h2>Violated limits")


def test_inputs_say_tariffs_limits_and_sources(pages: dict[str, str]):
    page = re.sub(r"\s+", " ", without_library(pages["small"]))
    assert "<tr><td>grid</td><td>electricity</td>" in page
    assert "<tr><td>electricity</td><td>voltage</td><td>at least 0.95 p.u.</td><td></td></tr>" in page
    assert "<tr><td>electricity</td><td>voltage</td><td>at most 1.05 p.u.</td><td></td></tr>" in page
    assert "<tr><td>heat network</td><td>made</td><td></td></tr>" in page


def test_every_control_has_a_label_and_every_table_heads(pages: dict[str, str]):
    page = without_library(pages["small"])
    for key in re.findall(r'<input type="range" id="([^"]+)"', page):
        assert f'<label for="{key}">' in page
    assert page.count("<table") == page.count("<thead>")
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), "no level is left out"


def test_every_figure_has_a_name_of_its_own(pages: dict[str, str]):
    for page in pages.values():
        assert len(plots(page)) == len(set(plots(page))) > 0


def test_every_axis_over_time_or_value_names_its_unit(pages: dict[str, str]):
    titles = set(re.findall(r'"title": \{(?:"standoff": \d+, )?"text": "([^"]+)"', without_library(pages["small"])))
    assert {"voltage (p.u.)", "line loading (%)", "price (CNY/kWh)", "time (UTC+01:00)"} <= titles
    # Names of prosumers and counts have no unit.
    assert {title for title in titles if "(" not in title} <= {"seller", "buyer", "prosumer", "iterations", "kWh"}


def test_broken_limits_are_listed(pages: dict[str, str]):
    assert re.search(r"<td>electricity</td><td>bus 5</td><td>voltage</td>", pages["small"])
    assert "more are in violations.parquet" in pages["village"] or pages["village"].count("<td>voltage</td>") <= 100


def test_the_page_asks_for_nothing(pages: dict[str, str]):
    for page in pages.values():
        assert "default-src 'none'" in page
        assert re.findall(r'(?:src|href)\s*=\s*["\']', without_library(page)) == []
        assert "http" not in re.sub(r"http-equiv", "", without_library(page))


def test_the_same_folder_gives_the_same_bytes_in_another_process(folders: dict[str, Path], pages: dict[str, str]):
    script = (
        "import sys; from pathlib import Path; from mosaik_p2p.results.report.page import build_report\n"
        "build_report(Path(sys.argv[1]))"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", script, str(folders["small"])], check=True, env=environment)
    assert (folders["small"] / "report.html").read_text(encoding="utf-8") == pages["small"]


def test_the_folder_may_lie_anywhere(folders: dict[str, Path], pages: dict[str, str], tmp_path: Path):
    shutil.copytree(folders["small"], tmp_path / "elsewhere")
    assert build_report(tmp_path / "elsewhere").read_text(encoding="utf-8") == pages["small"]


def test_names_cannot_break_the_page(edited: Edited):
    def rename(summary: dict[str, Any]) -> None:
        summary["title"] = "</title><script>alert(1)</script>"
        summary["cost"]["</script><b>"] = summary["cost"].pop("P1")

    page = edited(rename)
    assert "<script>alert" not in page
    assert "</script><b>" not in page


def test_an_empty_folder_gives_a_report_that_says_so(tmp_path: Path):
    page = build_report(tmp_path).read_text()
    assert "Incomplete run" in page


@pytest.mark.once
def test_a_crowd_shows_the_element_that_breaks_a_limit_of_its_own(
    folders: dict[str, Path], pages: dict[str, str], tmp_path: Path
):
    folder = shutil.copytree(folders["village"], tmp_path / "village")
    with (folder / "scenario.toml").open("a") as scenario:
        own = 'table = "bus"\nname = "150"\nvoltage_pu = { min = 0.999 }\n'
        scenario.write(f"[[networks.electricity.limits.element]]\n{own}")
    page = build_report(folder).read_text()
    assert '"name": "lowest: 150"' not in page
    assert "worst by its own limit: 150" in page
    assert "worst by its own limit" not in pages["village"]


def test_energy_that_was_not_served_has_a_sentence_and_a_table(pages: dict[str, str], edited: Edited):
    assert not any("Energy not served" in page for page in pages.values())

    def lack(summary: dict[str, Any]) -> None:
        summary["cost"]["P2"] |= {"unserved_kwh": {"heat": 12.3}, "unserved_alone_kwh": {"heat": 18.0}}

    page = edited(lack)
    assert "<p>Not served: 12.3 kWh heat at P2 (18.0 kWh without trade)." in page
    assert '<tr><td>P2</td><td>heat</td><td class="num">12.3</td><td class="num">18.0</td></tr>' in page


def test_energy_that_missed_its_deadline_has_a_sentence_and_a_table(pages: dict[str, str], edited: Edited):
    assert not any("missed its deadline" in page for page in pages.values())

    def miss(summary: dict[str, Any]) -> None:
        summary["missed_alone_kwh"] = 8.0
        summary["cost"]["P2"]["missed_kwh"] = {"ev": 6.5}

    page = edited(miss)
    assert "<p>Not had in time: 6.5 kWh at P2 (ev) (8.0 kWh without trade)." in page
    assert '<tr><td>P2</td><td>ev</td><td class="num">6.5</td></tr>' in page


def test_the_report_prints_no_share_of_nothing_and_no_negative_zero(edited: Edited):
    def shrink(summary: dict[str, Any]) -> None:
        for entry in (*summary["cost"].values(), summary["cost_total"]):
            entry |= {"alone": 1e-12, "in_market": -1e-9}
        summary["operator"]["balance"] = -1e-9

    # Figures are drawn from the tables, which nobody has shrunk.
    page = re.sub(r"<script[^>]*>.*?</script>", "", edited(shrink), flags=re.DOTALL)
    assert "-0.00" not in page.replace("-0.000", "")
    assert re.findall(r"[+-][\d.,]+ %", page) == []


def test_who_is_worse_off_may_have_more_stored(edited: Edited):
    def store(summary: dict[str, Any]) -> None:
        summary["worse_off"] = ["P1"]
        summary["cost"]["P1"] |= {"stored_end_kwh": 2.0, "stored_end_alone_kwh": 5.4}

    assert "P1 (worse off; 3.4 kWh less stored at the end)" in edited(store)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("name", ["small", "broken", "village"])
def test_a_browser_draws_every_figure(folders: dict[str, Path], pages: dict[str, str], tmp_path: Path, name: str):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium is installed, the report was not opened")
    page = tmp_path / "probed.html"
    page.write_text(pages[name].replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
    dom = dump_dom(browser, page, tmp_path / "profile")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, flags=re.DOTALL)
    assert found, "the page's scripts did not come to their end"
    probe = json.loads(found.group(1))
    assert probe["problems"] == []
    assert probe["drawn"] == plots(pages[name])
    assert 0 < len(probe["near"]) < len(plots(pages[name]))
    assert probe["near"] == plots(pages[name])[: len(probe["near"])]
    assert probe["verdict"] == verdict_sentence(read_summary(folders[name]))
    assert probe["requests"] == 0
    if name == "small":
        assert probe["moved"] == expected_maps()


def expected_maps() -> list[dict[str, Any]]:
    """How the made feeder is drawn in each interval, from what the made run stores."""
    found = []
    for k in range(SMALL.steps):
        tables = interval(SMALL, k)
        loading = next(row["loading_percent"] for row in tables["lines"] if row["element"] == "1-2")
        shades = {20: "#c9dcec", 40: "#9dc3de", 60: "#6aa3cc", 80: "#e0b070", 98: "#e08540", 1000: "#b53a12"}
        begin = (START + timedelta(hours=k)).astimezone(timezone(timedelta(hours=1)))
        found.append(
            {
                "told": f"{begin:%a %d %b %Y %H:%M}",
                "colour": next(colour for most, colour in shades.items() if loading < most),
                "text": f"1-2: loading {loading:#.3g} %",
                "ringed": [row["element"] for row in tables["violations"]],
            }
        )
    return found


def without_tables(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        path.unlink()


def without_cost(folder: Path) -> None:
    path = folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cost": None}))


def with_a_cost_of_text(folder: Path) -> None:
    path = folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cost": {"P1": "much"}}))


def with_a_wrong_table(folder: Path) -> None:
    shutil.copy(folder / "buses.parquet", folder / "prosumers.parquet")


def with_half_a_table(folder: Path) -> None:
    path = folder / "flows.parquet"
    path.write_bytes(path.read_bytes()[:200])


def with_another_scenario(folder: Path) -> None:
    (folder / "scenario.toml").write_text('name = "other"')


@pytest.mark.parametrize(
    "damage",
    [without_tables, without_cost, with_a_cost_of_text, with_a_wrong_table, with_half_a_table, with_another_scenario],
)
def test_a_damaged_folder_is_bad_input(small: Path, damage: Callable[[Path], None]):
    damage(small)
    with pytest.raises(BadInput):
        api.report(small)
    assert not (small / "report.html").exists()


def test_broken_limits_are_told_in_words(tmp_path: Path):
    def fail(tables: dict[str, Any], _: int) -> None:
        about = {"time": tables["clearing"][0]["time"], "round": 0, "network": "heat", "element": "P3"}
        cold = {"quantity": "t_supply_c", "value": 58.0, "limit": 60.0, "unit": "degC", "excess": 2.0}
        tables["violations"].append({**about, **cold})

    write_made(tmp_path, replace(SMALL, is_closed=False))
    shutil.rmtree(tmp_path / "violations.parquet")
    (tmp_path / "changed").mkdir()
    write_tables(tmp_path / "changed", SMALL, fail)
    shutil.copy(tmp_path / "changed" / "violations.parquet", tmp_path)
    page = build_report(tmp_path).read_text()
    assert "<td>prosumer P3</td><td>supply temperature</td>" in page
    assert "58 °C" in page
    assert "degC" not in page


def test_the_report_says_why_the_market_did_not_converge(edited: Edited):
    def fail(summary: dict[str, Any]) -> None:
        summary["not_converged"] = {"intervals": 2, "cause": "too <hard>"}

    assert "<p>The market did not converge in 2 intervals: too &lt;hard&gt;</p>" in edited(fail)


def test_the_losses_that_prosumers_cause_stand_beside_those_of_the_whole_network(pages: dict[str, str]):
    assert pages["small"].count("Losses that the prosumers cause: electricity not known (whole network ") == 1


def test_a_run_without_any_interval_shows_neither_trade_nor_cost(tmp_path: Path):
    page = without_library(build_report(write_made(tmp_path, replace(BROKEN_OFF, steps_computed=0))).read_text())
    assert "None of 6 intervals was computed." in page
    assert "traded" not in page
    assert "Cost" not in page
