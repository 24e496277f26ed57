"""The three numbers for a reader at a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.studies.hosting.search import Found, Held

WIDTH = 100
AT_MOST = 3
"""Limits that are named of one run."""


def render(summary: Mapping[str, Any]) -> str:
    """What was asked, a paragraph per market (and feeder), and what is to be known about it."""
    lines = wrap(headline(summary), WIDTH, subsequent_indent="  ")
    for feeder, answers in by_feeder(summary):
        if feeder is not None:
            lines += wrap(feeder_text(summary, feeder), WIDTH, initial_indent=" ", subsequent_indent="  ")
        lines += _paragraphs(summary, answers)
    return "\n".join([*lines, *wrap(footnote(summary), WIDTH, subsequent_indent="  ")])


def _paragraphs(summary: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max(len(answer["called"]) for answer in answers)
    for answer in answers:
        first, *others = sentences(summary, answer)
        yield from wrap(f"{answer['called']:<{width}}  {first}", WIDTH, initial_indent="  ", subsequent_indent="    ")
        for text in others:
            yield from wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


def by_feeder(summary: Mapping[str, Any]) -> list[tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]]:
    """The answers under all markets, by feeder; None where all of it grows together."""
    answers, feeders = summary["answers"], summary["feeders"] or [None]
    each = len(answers) // len(feeders)
    return [(feeder, answers[number * each : (number + 1) * each]) for number, feeder in enumerate(feeders)]


def headline(summary: Mapping[str, Any]) -> str:
    """What grew, and how far."""
    rated, divided = summary["rated_kw"], summary["per"] is not None
    what = "what it has" if divided else f"what there is: {plain(rated or 0.0, 1)} {summary['unit']}"
    had = "" if rated is None else f" (times {what})"
    where = f" on one {summary['per']} at a time" if divided else ""
    return (
        f"{summary['scenario']}: how far {summary['grows']} may grow{where} until a limit breaks, from "
        f"{summary['low']:g} to {summary['high']:g}{had}, over {summary['hours']:g} h, known to {summary['within']:g}"
    )


def feeder_text(summary: Mapping[str, Any], feeder: Mapping[str, Any]) -> str:
    """Who is on it, and with what."""
    count = len(feeder["prosumers"])
    owners = f"{count} prosumer{'' if count == 1 else 's'} with {plain(feeder['rated_kw'], 1)} {summary['unit']}"
    return f"Feeder {feeder['feeder']} (from {', '.join(feeder['busbars'])}): {owners}"


def footnote(summary: Mapping[str, Any]) -> str:
    """What holding means here."""
    others = "" if summary["per"] is None else "All others keep what they have, so that the numbers do not add up. "
    return (
        "A run holds if all limits are kept and all loads served, and no more than "
        f"{100 * summary['most_given_up']:g} % of what sun and wind offer is curtailed, for whatever reason, or of "
        f"what vehicles take is missed that they have without trade. {others}"
        f"{summary['points']} runs, each verdict from a run of its own."
    )


def sentences(summary: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[str]:
    """The number with its verification, then what breaks, then what is odd."""
    holds, above = answer["holds"], answer["does_not_hold"]
    yield _number(summary, answer)
    if above is not None:
        yield from _why(above)
    if holds is not None and holds["given_up"] is not None and holds["given_up"] >= 0.0005:
        yield f"At {_amount(summary, holds)} {100 * holds['given_up']:.1f} % are given up."
    if answer["holds_again"]:
        values = ", ".join(f"{value:g}" for value in answer["holds_again"])
        yield f"Not monotonic: above what does not hold, these hold again: {values}."


def _number(summary: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    holds, above = answer["holds"], answer["does_not_hold"]
    match Found(answer["found"]):
        case Found.BETWEEN:
            return f"{_amount(summary, holds)}: holds there, breaks at {_amount(summary, above)}."
        case Found.HOLDS_THROUGHOUT:
            return f"at least {_amount(summary, holds)}: all that was tried holds, the upper end too."
        case Found.BREAKS_AT_ONCE:
            return f"none: already {_amount(summary, above)}, the lower end, does not hold."
        case Found.NOT_KNOWN_ABOVE:
            return f"at least {_amount(summary, holds)}: holds there; at {_amount(summary, above)} it is not known."
        case Found.NOT_KNOWN:
            return f"not known: of {_amount(summary, above)}, the lower end, there is no verdict."
        case _:
            known = "nothing is known" if holds is None else f"holds at {_amount(summary, holds)}"
            return f"not ended: {known}. The same command goes on."


def _amount(summary: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    if end["amount_kw"] is None:
        return f"{end['value']:g}"
    return f"{plain(end['amount_kw'], 1)} {summary['unit']} (times {end['value']:g})"


def _why(end: Mapping[str, Any]) -> Iterator[str]:
    if end["held"] != Held.BREAKS:
        yield f"At {end['value']:g}: {end['cause']}."
        return
    first, *others = end["limits"]
    yield f"First breaks: {limit_text(first)}."
    if others:
        more = len(others) - AT_MOST
        told = "; ".join(limit_text(limit) for limit in others[:AT_MOST])
        yield f"Beside it: {told}{f'; and {more} more' if more > 0 else ''}."


def limit_text(limit: Mapping[str, Any]) -> str:
    """Like `highest voltage 1.0512 p.u. (limit 1.05) at bus 13, Tue 28 Mar 13:00`."""
    parts = [limit["limit"][0].lower() + limit["limit"][1:]]
    if limit["limit_value"] is not None:
        parts.append(f"{limit['limit_value']:.{limit['digits']}f} {limit['unit'] or ''}".strip())
    if limit["limit_is"]:
        parts.append(f"(limit {limit['limit_is']:g})")
    if limit["where"]:
        parts.append(f"at {limit['where']}")
    when = f", {datetime.fromisoformat(limit['when']):%a %d %b %H:%M}" if limit["when"] else ""
    return " ".join(parts) + when
