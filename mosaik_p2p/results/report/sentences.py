"""The summary's answer to the planner's question, in sentences."""

from collections.abc import Mapping
from typing import Any

from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.labels.numbers import energy
from mosaik_p2p.results.measures.district import curtailment_text
from mosaik_p2p.results.measures.market_effect import still_broken_sentence
from mosaik_p2p.results.measures.missed_deadlines import MISSED
from mosaik_p2p.results.measures.unserved_energy import SURPLUS, who_was_not_served
from mosaik_p2p.results.measures.verdicts import LOADS
from mosaik_p2p.results.store.cases import WITHOUT_NEGOTIATION


def verdict_sentence(summary: Mapping[str, Any]) -> str:
    """The answer to the planner's question in one sentence."""
    counts, steps = summary["verdict_counts"], summary["steps"]
    feasible, infeasible, unknown = (counts[kind.value] for kind in Verdict)
    lack = _lack(summary)
    if not summary["complete"]:
        return _of_incomplete(summary, lack)
    if feasible == steps:
        if lack:
            return f"Every limit is kept in all {steps} intervals, but {lack}."
        return f"The market stays feasible: every limit is kept in all {steps} intervals."
    joined = f", and {lack}" if lack else ""
    without = f"{unknown} interval{' has' if unknown == 1 else 's have'} no solution"
    if summary["not_converged"]["intervals"]:
        without = f"{unknown} interval{'' if unknown == 1 else 's'} cannot be judged"
    if summary.get("networks_elsewhere"):
        others = " and ".join(summary["networks_elsewhere"])
        without = f"{unknown} interval{'' if unknown == 1 else 's'} cannot be judged, as {others} is solved elsewhere"
    if infeasible:
        open_ = f"; {without}" if unknown else ""
        return f"The market is not feasible: {' and '.join(_reasons(summary, f'of {steps} intervals'))}{open_}{joined}."
    others = f"; the other {feasible} keep every limit" if feasible else ""
    return f"Not decided: {without}{others}{joined}."


def _of_incomplete(summary: Mapping[str, Any], lack: str) -> str:
    feasible, infeasible = (summary["verdict_counts"][kind.value] for kind in (Verdict.FEASIBLE, Verdict.INFEASIBLE))
    done, judged = summary["steps_computed"], feasible + infeasible
    of_judged = "" if judged == done else f"of the {judged} that can be judged"
    reasons = _reasons(summary, of_judged) or [f"limits are violated in 0 {of_judged}".rstrip()]
    broken = f", {' and '.join(reasons)}" if judged else ""
    joined = f", and {lack}" if lack else ""
    return f"The run is incomplete: {done} of {summary['steps']} intervals were computed{broken}{joined}."


def _reasons(summary: Mapping[str, Any], of_all: str) -> list[str]:
    """Why intervals are infeasible; a summary of an older version knows of violated limits only."""
    infeasible = summary["verdict_counts"][Verdict.INFEASIBLE.value]
    counts = summary.get("infeasible_intervals", {"limits": infeasible, LOADS: 0})
    broken, cut_off = counts["limits"], counts[LOADS]
    who = who_was_not_served(summary)
    reasons = [f"limits are violated in {broken} {of_all}".rstrip()] if broken else []
    loads = f"loads are not served in {cut_off} {of_all}".rstrip() + (f" ({who})" if who else "")
    return [*reasons, loads] if cut_off else reasons


def _lack(summary: Mapping[str, Any]) -> str:
    """Like `2.0 kWh missed their deadline and 0.3 kWh found no taker`; empty where nothing is amiss."""
    late, spilled = summary.get(MISSED, 0.0), sum(summary.get(SURPLUS, {}).values())
    # What was not served stands among the reasons; where it does not, the summary is of an older version.
    missing = 0.0 if "infeasible_intervals" in summary else sum(summary["unserved_kwh"].values())
    parts = [f"{energy(missing)} kWh were not served"] if missing > 0 else []
    parts += [f"{energy(late)} kWh missed their deadline"] if late > 0 else []
    parts += [f"{energy(spilled)} kWh found no taker"] if spilled > 0 else []
    parts += [text for text in [curtailment_text(summary)] if text]
    return " and ".join(parts)


def convergence_sentence(summary: Mapping[str, Any]) -> str | None:
    """In how many intervals the market did not converge, and why, or is less sure than asked; None where neither."""
    failed = summary["not_converged"]
    count, cause = failed["intervals"], failed["cause"]
    why = "" if cause is None else f": {cause}"
    said = [f"The market did not converge in {count} interval{'' if count == 1 else 's'}{why}"] if count else []
    left = summary.get("gap_open") or {"intervals": 0}
    if left["intervals"]:
        count = left["intervals"]
        said.append(
            f"In {count} interval{'' if count == 1 else 's'} stores or meters would have gone both ways at once; they "
            f"were held to one direction, and others might save up to {100 * left['relative_gap']:.2g} % of the cost"
        )
    return ". ".join(said) or None


def negotiation_sentence(summary: Mapping[str, Any]) -> str | None:
    """What the negotiation did and cost; None where there was none."""
    found = summary.get("negotiation")
    if found is None:
        return None
    if not found["intervals"]:
        hours = found["beyond_influence_hours"]
        return f"Nothing to negotiate: violated limits in {hours:g} h are beyond the prosumers' influence"
    before, after = (summary["violations"][side]["hours"] for side in ("with_charges", "negotiated"))
    count, rounds = found["intervals"], found["rounds"]
    beyond = found["beyond_influence_hours"]
    rest = f", {beyond:g} h of them beyond the prosumers' influence" if beyond else ""
    # A run of its own has storage levels of its own, and so other hours than the first checks of this one.
    elsewhere = " without negotiation" if summary["cost_total"].get(WITHOUT_NEGOTIATION) is not None else ""
    welfare = "" if found["welfare_cost"] is None else _welfare(summary)
    return (
        f"Negotiated in {count} interval{'' if count == 1 else 's'}, {rounds['mean']:.1f} rounds on average, "
        f"{rounds['max']:.0f} at most: hours with a violated limit from {before:g}{elsewhere} to "
        f"{after:g}{rest}{welfare}"
    )


def _welfare(summary: Mapping[str, Any]) -> str:
    found = summary["negotiation"]
    cost, uncertain = found["welfare_cost"], found["welfare_cost_uncertain"]
    return f"; welfare cost {cost:.2f} {summary['currency']} (known to {uncertain:.2f})"


def counterfactual_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Which counterfactual runs broke off and are not compared, and why; what stays violated alone within limits."""
    still = still_broken_sentence(summary)
    return [
        *([] if still is None else [still]),
        *(
            f"The run {case.replace('_', ' ')} broke off and is not compared: {told['cause']}"
            for case, told in summary.get("counterfactuals", {}).items()
            if not told["complete"]
        ),
    ]


def counts_sentence(summary: Mapping[str, Any]) -> str:
    """How many intervals of the run have which verdict."""
    counts, steps = summary["verdict_counts"], summary["steps"]
    missing = max(0, steps - summary["steps_computed"])
    unknown = counts["unknown"] - missing
    kind = "undecided" if summary["not_converged"]["intervals"] else "without a solution"
    not_computed = f", {missing} not computed" if missing else ""
    return (
        f"{counts['feasible']} of {steps} intervals of {summary['dt_h'] * 60:.0f} min feasible, "
        f"{counts['infeasible']} infeasible, {unknown} {kind}{not_computed}"
    )


def missing_sentence(summary: Mapping[str, Any]) -> str | None:
    """What an incomplete run lacks; None for a complete one."""
    if summary["complete"]:
        return None
    done, steps, cause = summary["steps_computed"], summary["steps"], summary.get("cause")
    why = f" Cause: {cause}." if cause else ""
    if not done:
        return f"None of {steps} intervals was computed.{why}"
    if done < steps:
        return f"Only {done} of {steps} intervals were computed; everything below covers those intervals only.{why}"
    return f"The run did not reach its regular end, or a network left intervals without an answer.{why}"
