"""The report: one HTML file that needs nothing else, built from the result folder alone.

Nothing in it depends on the moment or the machine: the same folder gives the same bytes. The drawing library is inlined
and the page forbids itself any request, so that it can be sent by mail and opened anywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import plotly.offline

from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.accounts.arbitrage import arbitrage_texts
from mosaik_p2p.results.accounts.closing import change_of_cost, closing_sentence, with_total
from mosaik_p2p.results.accounts.comparison import comparison_rows
from mosaik_p2p.results.checking import check_folder
from mosaik_p2p.results.figures.market.clearing import convergence_panels
from mosaik_p2p.results.figures.market.dispatch import dispatch, energy_balance
from mosaik_p2p.results.figures.market.negotiation import negotiation_panels
from mosaik_p2p.results.figures.market.nodal_prices import nodal_price_panels
from mosaik_p2p.results.figures.market.trades import carriers_of, market_panels
from mosaik_p2p.results.figures.money.costs import cost_parts, prosumer_costs
from mosaik_p2p.results.figures.money.operator import operator_panels
from mosaik_p2p.results.figures.money.trade_off import trade_off
from mosaik_p2p.results.figures.networks.limits import network_panels
from mosaik_p2p.results.figures.networks.maps import map_at
from mosaik_p2p.results.figures.networks.ways import along_the_way
from mosaik_p2p.results.figures.pages import page_template
from mosaik_p2p.results.figures.style import Clock, Panel, clock_of
from mosaik_p2p.results.inventory import inventory_lines, read_inventory
from mosaik_p2p.results.labels.numbers import energy, least_compared, plain, share_of_change, signed, stored_beside
from mosaik_p2p.results.measures.limit_costs import limit_lines
from mosaik_p2p.results.measures.market_effect import effect_sentence
from mosaik_p2p.results.measures.missed_deadlines import missed_text, misses
from mosaik_p2p.results.measures.unserved_energy import shortages, surplus_texts, unserved_texts
from mosaik_p2p.results.measures.unsolved import unsolved_sentences
from mosaik_p2p.results.measures.violations import violation_rows
from mosaik_p2p.results.measures.worst_values import is_broken, label_and_digits
from mosaik_p2p.results.quantities.drawing import Drawings, drawings_of, unshown, usable_quantities
from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.results.report.account_sentences import (
    NAMES,
    account_lines,
    charges_and_surcharges,
    district_lines,
)
from mosaik_p2p.results.report.inputs import input_sheets
from mosaik_p2p.results.report.sentences import (
    convergence_sentence,
    counterfactual_sentences,
    missing_sentence,
    negotiation_sentence,
    verdict_sentence,
)
from mosaik_p2p.results.store.folder import REPORT_FILE
from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.results.summary import read_summary
from mosaik_p2p.results.tables.thinning import thinned_sentences
from mosaik_p2p.units import ELECTRICITY, HEAT

TEMPLATE = "report.html.j2"
MOST_VIOLATION_ROWS = 100
TITLES = (
    *("Feasibility over time", "Maps", "Along the way", "Electricity network", "Heat network"),
    *("Dispatch and balance", "Storage", "Market", "Nodal prices", "Negotiation", "Money", "Clearing"),
)
"""Of the chapters, in their order; result quantities may add more."""


AFTER_INPUTS = TITLES[5:]
"""What follows from the inputs beyond the networks: the inputs stand before it."""
ENERGY = (dispatch, energy_balance)
PROFILES = ("voltage", "temperature", "pressure")


@dataclass(frozen=True)
class Section:
    """A chapter of the report."""

    title: str
    panels: tuple[Panel, ...]


def build_report(folder: Path, known: Sequence[NamedQuantity] = ()) -> Path:
    """Write `report.html` into the result folder and return its path.

    Of the result quantities that the scenario names those not `known` have to be installed for their figures. BadInput
    where summary, tables and scenario do not belong together, or, once the report is written without it, where the
    figure of a result quantity fails; NotWritten where there is no room for it.
    """
    results, summary = read_results(folder), read_summary(folder)
    check_folder(results, summary)
    clock = clock_of(results)
    others, refusals = usable_quantities(results.facts.quantities, known)
    drawings = drawings_of(clock, others)
    left_out = [*unshown(results, refusals), *map(str, drawings.failures)]
    path = result_folder(folder).write(REPORT_FILE, _page(clock, summary, drawings, left_out).encode())
    if drawings.failures:
        raise BadInput(drawings.failures)
    return path


def _page(clock: Clock, summary: Mapping[str, Any], drawings: Drawings, left_out: Sequence[str]) -> str:
    results = clock.results
    rows, read = violation_rows(results), read_inventory(results.folder)
    sections = _sections(clock, drawings)
    return _template().render(
        **_told(summary),
        summary=summary,
        facts=results.facts,
        prosumers=results.prosumers,
        period=_period(clock),
        tiles=_tiles(summary),
        sections=sections,
        inputs_before=next((one.title for one in sections if one.title in AFTER_INPUTS), ""),
        sheets=input_sheets(results.folder, results.facts),
        left_out=left_out,
        violations=rows[:MOST_VIOLATION_ROWS],
        violations_left_out=max(0, len(rows) - MOST_VIOLATION_ROWS),
        inventory="\n".join(inventory_lines(read.get("inventory", {}))),
        warned=read.get("warnings", []),
        plotly_js=plotly.offline.get_plotlyjs(),
    )


def _template() -> jinja2.Template:
    numbers = (change_of_cost, energy, plain, share_of_change, signed, stored_beside, with_total)
    return page_template("mosaik_p2p.results.report", TEMPLATE, numbers)


def _told(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the summary alone has to say, by its name in the template."""
    return {
        "sentence": verdict_sentence(summary),
        "missing": missing_sentence(summary),
        "thinned": " ".join(thinned_sentences(summary.get("thinned", {}))),
        "converged": convergence_sentence(summary),
        "negotiated": negotiation_sentence(summary),
        "unsolved": unsolved_sentences(summary),
        "broken_off": counterfactual_sentences(summary),
        "effect": effect_sentence(summary),
        "accounts": account_lines(summary),
        "limit_costs": list(limit_lines(summary)),
        "district": district_lines(summary),
        "least": least_compared(summary["cost"]),
        "closing": closing_sentence(summary),
        "comparison": comparison_rows(summary),
        "arbitrage": "; ".join(arbitrage_texts(summary)),
        "unserved": "; ".join(unserved_texts(summary)),
        "surplus": "; ".join(surplus_texts(summary)),
        "shortages": shortages(summary),
        "missed": missed_text(summary),
        "misses": misses(summary),
    }


def _sections(clock: Clock, drawings: Drawings) -> list[Section]:
    """The chapters with their figures, those of result quantities after the others."""
    own = _own_panels(clock)
    titles = dict.fromkeys((*TITLES, *drawings.panels))
    sections = [Section(title, (*own.get(title, ()), *drawings.of(title))) for title in titles]
    return [section for section in sections if section.panels]


def _own_panels(clock: Clock) -> dict[str, tuple[Panel, ...]]:
    """The figures that no result quantity draws, by the title of their chapter."""
    results, facts = clock.results, clock.results.facts
    return {
        "Maps": _drawn(map_at(results, network) for network in facts.networks),
        "Along the way": _drawn(along_the_way(results, quantity) for quantity in PROFILES),
        "Electricity network": tuple(network_panels(clock, ELECTRICITY)),
        "Heat network": tuple(network_panels(clock, HEAT)) if HEAT in clock.results.facts.networks else (),
        "Negotiation": tuple(negotiation_panels(results)),
        "Nodal prices": tuple(nodal_price_panels(results)),
        "Dispatch and balance": _drawn(draw(results, carrier) for carrier in carriers_of(results) for draw in ENERGY),
        "Market": tuple(market_panels(results)),
        "Money": (
            *_drawn((prosumer_costs(results), cost_parts(results), trade_off(results))),
            *operator_panels(results),
        ),
        "Clearing": tuple(convergence_panels(results)),
    }


def _drawn(panels: Iterable[Panel | None]) -> tuple[Panel, ...]:
    """Those that there are."""
    return tuple(panel for panel in panels if panel is not None)


def _period(clock: Clock) -> str:
    if not len(clock.begins):
        return "no interval"
    begins = clock.local_begins()
    first, last = (moment.strftime("%a %d %b %Y %H:%M") for moment in (begins[0], begins[-1] + clock.dt))
    return f"{first} to {last} ({clock.results.facts.axis_label})"


def _tiles(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """The overview: a label, a number with its unit and a remark each."""
    counts, currency = summary["verdict_counts"], summary["currency"]
    tiles = [_tile("Feasible intervals", f"{counts['feasible']} of {summary['steps']}", _others(counts))]
    if not summary["steps_computed"]:
        return tiles
    tiles += [_worst_tile(key, entry) for key, entry in summary["worst"].items() if entry is not None]
    for carrier, traded in summary["traded_kwh"].items():
        price = summary["mean_trade_price_per_kwh"][carrier]
        remark = "" if price is None else f"mean price {price:.3f} {currency}/kWh"
        tiles.append(_tile(f"{carrier.capitalize()} traded", f"{traded:,.1f} kWh", remark))
    total = summary["cost_total"]
    if total["in_market"] is not None:
        told = _change(with_total(summary), least_compared(summary["cost"]))
        remark = "" if total["alone"] is None else f"without trade {plain(total['alone'])} {currency}{told}"
        tiles.append(_tile("Cost of all prosumers", f"{plain(total['in_market'])} {currency}", remark))
    tiles += [_gain_tile(summary), _operator_tile(summary)]
    return [*tiles, *_reputation_tile(summary)]


def _gain_tile(summary: Mapping[str, Any]) -> dict[str, str]:
    gain, against = summary["welfare_gain"], summary["welfare_gain_against"]
    base = NAMES.get(against, against)
    remark = f"system cost {base} less that of the market; charges and surcharges only change hands"
    return _tile("Welfare gain", "not known" if gain is None else f"{signed(gain)} {summary['currency']}", remark)


def _operator_tile(summary: Mapping[str, Any]) -> dict[str, str]:
    operator, currency = summary["operator"], summary["currency"]
    returned = operator["surcharges_returned"]
    remark = f"charges and surcharges {plain(charges_and_surcharges(operator))}"
    remark += f", returned {plain(returned)}" if returned else ""
    if operator["balance"] is None:
        return _tile("Operator's revenue", f"{plain(operator['revenue'])} {currency}", "losses not priced or not known")
    return _tile(
        "Operator's balance",
        f"{signed(operator['balance'])} {currency}",
        f"{remark}, {_paid(operator)}",
    )


def _paid(operator: Mapping[str, Any]) -> str:
    """For losses and networks; like `losses 12.10, networks 40.00`."""
    paid = {"losses": operator["cost_of_losses"] or 0.0, "networks": operator["fixed_cost"]}
    return ", ".join(f"{what} {plain(money)}" for what, money in paid.items() if money or what == "losses")


def _tile(label: str, number: str, remark: str, *, is_bad: bool = False) -> dict[str, str]:
    return {"label": label, "number": number, "remark": remark, "kind": "bad" if is_bad else ""}


def _others(counts: Mapping[str, int]) -> str:
    return f"{counts['infeasible']} infeasible, {counts['unknown']} unknown"


def _worst_tile(key: str, entry: Mapping[str, Any]) -> dict[str, str]:
    (label, digits), limit = label_and_digits(key, entry), entry["limit"]
    when = datetime.fromisoformat(entry["time"]).strftime("%a %d %b %H:%M")
    allowed = "" if limit is None else f"; limit {limit:g}"
    remark = f"{entry['where']}, {when}{allowed}"
    return _tile(label, f"{plain(entry['value'], digits)} {entry['unit']}", remark, is_bad=is_broken(entry))


def _reputation_tile(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    known = summary.get("reputation")
    if known is None:
        return []
    remark = f"paid by nobody; cut to the charge in {known['clipped_clearings']} of {summary['clearings']} clearings"
    return [_tile("Reputation is worth", f"{plain(known['benefit'])} {summary['currency']}", remark)]


def _change(total: Mapping[str, Any], least: float) -> str:
    """The change, closing values in."""
    change = change_of_cost(total)
    share = "" if change is None else share_of_change(total["alone"], total["alone"] + change, least)
    return f", {share}" if share else ""
