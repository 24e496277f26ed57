"""The summary as text for the terminal: at most about thirty lines of a hundred columns."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mosaik_p2p.results.accounts.arbitrage import arbitrage_texts
from mosaik_p2p.results.accounts.closing import change_of_cost, closing_change, closing_sentence, with_total
from mosaik_p2p.results.accounts.comparison import ComparisonRow, comparison_rows
from mosaik_p2p.results.labels.numbers import least_compared, plain, share_of_change, signed, stored_beside
from mosaik_p2p.results.measures.limit_costs import limit_lines
from mosaik_p2p.results.measures.market_effect import effect_sentence
from mosaik_p2p.results.measures.missed_deadlines import missed_text
from mosaik_p2p.results.measures.unserved_energy import surplus_texts, unserved_texts
from mosaik_p2p.results.measures.unsolved import unsolved_sentences
from mosaik_p2p.results.measures.worst_values import is_broken, label_and_digits
from mosaik_p2p.results.report.account_sentences import account_lines, district_lines
from mosaik_p2p.results.report.sentences import (
    convergence_sentence,
    counterfactual_sentences,
    counts_sentence,
    negotiation_sentence,
    verdict_sentence,
)
from mosaik_p2p.results.tables.thinning import thinned_sentences

WIDTH = 100
FEW_PROSUMERS = 10
"""Up to so many prosumers each has a line; of more, those who gain and lose most."""
SHOWN_AT_EACH_END = 5


def render(summary: Mapping[str, Any]) -> str:
    """The summary (as of `summarise`) for a planner: verdict, worst values, trade, money."""
    # Of a market that never came to be, zeros would be all there is to say.
    blocks = (
        [*_networks(summary), *_comparison(summary), *_market(summary), *_money(summary)]
        if summary["steps_computed"]
        else []
    )
    lines = [*_heading(summary), *blocks]
    return "\n".join(line.rstrip() for line in lines)


def _heading(summary: Mapping[str, Any]) -> list[str]:
    converged = convergence_sentence(summary)
    return [
        *textwrap.wrap(f"{summary['name']}: {summary['title']}", WIDTH, subsequent_indent="  "),
        *textwrap.wrap(verdict_sentence(summary), WIDTH, subsequent_indent="  "),
        f"  {counts_sentence(summary)}",
        *(
            line
            for sentence in unsolved_sentences(summary)
            for line in textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ")
        ),
        *textwrap.wrap(effect_sentence(summary) or "", WIDTH, initial_indent="  ", subsequent_indent="    "),
        *textwrap.wrap(converged or "", WIDTH, initial_indent="  ", subsequent_indent="    "),
        *textwrap.wrap(negotiation_sentence(summary) or "", WIDTH, initial_indent="  ", subsequent_indent="    "),
        *(
            line
            for sentence in (*counterfactual_sentences(summary), *thinned_sentences(summary.get("thinned", {})))
            for line in textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ")
        ),
    ]


def _networks(summary: Mapping[str, Any]) -> list[str]:
    rows = [(key, entry) for key, entry in summary["worst"].items() if entry is not None]
    if not rows:
        return []
    header = f"{'Networks':<30}{'worst':>9}{'limit':>9}  {'unit':<5} {'where':<25} when"
    return [header, *(_worst_line(key, entry) for key, entry in rows)]


def _comparison(summary: Mapping[str, Any]) -> list[str]:
    """Hours with violated limits, everybody's cost and the operator's revenue, case by case."""
    rows = comparison_rows(summary)
    if not rows:
        return []
    networks, currency = list(rows[0].hours), summary["currency"]
    title = "Hours with violated limits"
    header = f"{title:<27}" + "".join(f"{network:>12}" for network in networks)
    paid = f"{f'cost ({currency}): system':>21}{'prosumers':>12}{'operator takes':>16}"
    return [f"{header}{paid}", *(_comparison_line(row, networks) for row in rows)]


def _comparison_line(row: ComparisonRow, networks: Sequence[str]) -> str:
    hours = "".join(f"{row.hours[network]:>12g}" for network in networks)
    money = f"{_amount(row.system_cost):>21}{_amount(row.cost):>12}{_amount(row.operator):>16}"
    return f"  {row.label:<25}{hours}{money}"


def _worst_line(key: str, entry: Mapping[str, Any]) -> str:
    (label, digits), limit = label_and_digits(key, entry), entry["limit"]
    limit_text = "-" if limit is None else _limit_text(limit, digits)
    mark = "!" if is_broken(entry) else " "
    when = datetime.fromisoformat(entry["time"]).strftime("%a %d %b %H:%M")
    numbers = f"{plain(entry['value'], digits):>9}{limit_text:>9}  {entry['unit']:<5}"
    return f"{mark} {label:<28}{numbers} {_cut(entry['where'], 25):<25} {when}"


def _limit_text(limit: float, digits: int) -> str:
    """With so many digits after the point; a limit that would show as zero with one that is none."""
    return f"{limit:.{digits}f}" if limit == 0 or round(limit, digits) else f"{limit:.1g}"


def _market(summary: Mapping[str, Any]) -> list[str]:
    currency = summary["currency"]
    lines = ["Market"]
    for carrier, energy in summary["traded_kwh"].items():
        price = summary["mean_trade_price_per_kwh"][carrier]
        price_text = "" if price is None else f", mean price {price:.3f} {currency}/kWh"
        lines.append(f"  {carrier.capitalize()} traded: {energy:,.1f} kWh{price_text}")
    if arbitrage_texts(summary):
        lines.append(f"  Imported by members for others to export: {', '.join(arbitrage_texts(summary))}")
    for text in unserved_texts(summary):
        lines += textwrap.wrap(f"  Not served: {text}", WIDTH, subsequent_indent="    ", max_lines=2, placeholder=" …")
    for text in surplus_texts(summary):
        lines += textwrap.wrap(f"  No taker: {text}", WIDTH, subsequent_indent="    ", max_lines=2, placeholder=" …")
    missed = missed_text(summary)
    lines += [_cut(f"  Not had in time: {missed}", WIDTH)] if missed else []
    for text in district_lines(summary):
        lines += textwrap.wrap(f"  {text}", WIDTH, subsequent_indent="    ")
    iterations, gap = summary["iterations"], summary["relative_gap"]
    if iterations["max"] is not None and gap["max"] is not None:
        lines.append(
            f"  {_clearings(summary)}: {iterations['mean']:.0f} iterations on average, "
            f"{iterations['max']:.0f} at most; relative gap at most {gap['max']:.1e}"
        )
    return lines


def _clearings(summary: Mapping[str, Any]) -> str:
    count = summary.get("clearings")
    return f"Clearing day-ahead ({count} in all)" if summary.get("clearing") == "day_ahead" else "Clearing"


def _reputation(summary: Mapping[str, Any]) -> list[str]:
    """Of older results, which know nothing of it, nothing."""
    known = summary.get("reputation")
    if known is None:
        return []
    count, pairs, of = known["clipped_clearings"], known["clipped_pairs"], summary["clearings"]
    cut = f"cut to what is paid in {count} of {of} clearings, for {pairs} pair{'' if pairs == 1 else 's'} at most"
    worth = f"  Reputation: worth {plain(known['benefit'])} {summary['currency']} to the traders, paid by nobody"
    return textwrap.wrap(f"{worth}; {cut if count else 'nowhere cut'}", WIDTH, subsequent_indent="    ")


def _money(summary: Mapping[str, Any]) -> list[str]:
    cost, currency, least = summary["cost"], summary["currency"], least_compared(summary["cost"])
    lines = [f"{f'Cost in {currency}':<30}{'no trade':>14}{'in market':>14}{'closing value':>14}{'change':>14}{'':>11}"]
    if len(cost) <= FEW_PROSUMERS:
        lines += [_cost_line(name, entry, least) for name, entry in cost.items()]
        lines.append(_cost_line("All prosumers", with_total(summary), least))
    else:
        lines.append(_cost_line(f"All {len(cost)} prosumers", with_total(summary), least))
        lines += _ends(cost, least)
    lines += textwrap.wrap(f"  {closing_sentence(summary)}", WIDTH, subsequent_indent="    ")
    if summary["worse_off"]:
        names = ", ".join(_with_storage(name, cost[name]) for name in summary["worse_off"])
        lines += textwrap.wrap(
            f"  Worse off than without trade: {names}", WIDTH, subsequent_indent="    ", max_lines=2, placeholder=" …"
        )
    for text in [*account_lines(summary), *limit_lines(summary)]:
        lines += textwrap.wrap(f"  {text}", WIDTH, subsequent_indent="    ")
    return [*lines, *_reputation(summary)]


def _ends(cost: Mapping[str, Mapping[str, Any]], least: float) -> list[str]:
    """Those who gain most and those who lose (or else gain least), by the change of their cost."""
    changes = {name: change for name, entry in cost.items() if (change := change_of_cost(entry)) is not None}
    ranked = sorted(changes, key=lambda name: (changes[name], name))
    first, last = ranked[:SHOWN_AT_EACH_END], ranked[SHOWN_AT_EACH_END:][-SHOWN_AT_EACH_END:]
    return [
        " Largest gains",
        *(_cost_line(name, cost[name], least) for name in first),
        " Smallest gains, or losses",
        *(_cost_line(name, cost[name], least) for name in last),
    ]


def _cost_line(name: str, entry: Mapping[str, Any], least: float) -> str:
    alone, change = entry["alone"], change_of_cost(entry)
    share = "" if change is None else share_of_change(alone, alone + change, least)
    stored, changed = (_change(money) for money in (closing_change(entry), change))
    costs = f"{_amount(alone):>14}{_amount(entry['in_market']):>14}{stored:>14}{changed:>14}"
    return f"  {_cut(name, 27):<28}{costs} {share:>10}"


def _change(money: float | None) -> str:
    return "-" if money is None else signed(money)


def _amount(money: float | None) -> str:
    return "-" if money is None else plain(money)


def _with_storage(name: str, entry: Mapping[str, Any]) -> str:
    stored = stored_beside(entry)
    return f"{name} ({stored})" if stored else name


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
