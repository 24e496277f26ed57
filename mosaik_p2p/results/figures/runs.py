"""One run or many: what every figure function takes, and several drawings in one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, cast

import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import Clock, Panel, blank, clock_of
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.thinning import thinned_sentences


class InHand(Protocol):
    """A run as `mosaik_p2p.read` gives it."""

    @property
    def computed(self) -> Results:
        """Its tables and facts."""


Run: TypeAlias = Results | InHand
Runs: TypeAlias = Run | Mapping[str, Run] | Sequence[Run]
"""One run, runs by name, or a list of runs, each of which has the name of its folder."""
GAP_PX, TITLE_PX = 34, 24
"""Between two drawings, and of the name above each."""
SCALED = {"heatmap": ("zmin", "zmax"), "scatter": ("cmin", "cmax")}
"""By type of trace: the ends of its scale of colours."""


def named(runs: Runs) -> dict[str, Results]:
    """The runs by name. ValueError where there is none, or two of a list have one name."""
    # A run in hand is a mapping as well: of its tables.
    computed = getattr(runs, "computed", None)
    run = runs if isinstance(runs, Results) else computed
    if isinstance(run, Results):
        return {run.facts.name: run}
    if isinstance(runs, Mapping):
        found = {str(name): _computed(run) for name, run in runs.items()}
    else:
        several = [_computed(run) for run in cast("Sequence[Run]", runs)]
        found = {run.folder.name: run for run in several}
        if len(found) < len(several):
            raise ValueError("two runs of the list have folders of one name: give a dict of runs by name")
    if not found:
        raise ValueError("there is no run to draw")
    return found


def _computed(run: Run) -> Results:
    return run if isinstance(run, Results) else run.computed


def drawn_each(runs: Runs, draw: Callable[..., Panel | None], *given: Any) -> Panel | None:
    """Each run drawn by itself, below each other; None where there is nothing to draw in any."""
    panels = {name: draw(clock_of(run), *given) for name, run in named(runs).items()}
    drawn = {name: panel for name, panel in panels.items() if panel is not None}
    if len(drawn) == 1 < len(panels):
        # Which of the runs it is has to be said.
        ((name, panel),) = drawn.items()
        return replace(panel, note=f"{name}: {panel.note}")
    return side_by_side(drawn)


def told_in_part(panel: Panel | None, runs: Runs, tables: Collection[str]) -> Panel | None:
    """The panel with what is stored of the tables that it is drawn from, where that is not all of them."""
    parts = {part: None for run in named(runs).values() for part in thinned_sentences(run.facts.thinned, tables)}
    return panel and replace(panel, note=" ".join([panel.note, *parts]).strip())


def over_all(clocks: Sequence[Clock], y_title: str) -> go.Figure:
    """An empty figure over the time of all runs, each on the clock of its own axis."""
    figure = blank(clocks[0], y_title)
    begins = [begin for clock in clocks for begin in clock.local_begins()[:1]]
    ends = [end + clock.dt for clock in clocks for end in clock.local_begins()[-1:]]
    return figure.update_xaxes(range=[min(begins), max(ends)]) if begins else figure


def side_by_side(panels: Mapping[str, Panel]) -> Panel | None:
    """One drawing of each run, by its name, below each other and on one scale of colours; None where there is none."""
    if len(panels) < 2:
        return next(iter(panels.values()), None)
    first = next(iter(panels.values()))
    notes = list(dict.fromkeys(panel.note for panel in panels.values()))
    note = notes[0] if len(notes) == 1 else " ".join(f"{name}: {panel.note}" for name, panel in panels.items())
    stacked = _stacked({name: panel.figure for name, panel in panels.items()})
    return replace(first, note=note, figure=stacked, is_wide=True, slider=None)


def _stacked(figures: Mapping[str, go.Figure]) -> go.Figure:
    """Figures below each other, each with its axes; what has one name in the legend has one entry there."""
    parts = {name: figure.to_dict() for name, figure in figures.items()}
    scale = _common_scale(parts)
    heights = [figure.layout.height + TITLE_PX for figure in figures.values()]
    total = sum(heights) + GAP_PX * (len(heights) - 1)
    layout: dict[str, Any] = {**next(iter(parts.values()))["layout"], "height": total}
    layout |= {"annotations": [], "shapes": []}
    traces: list[dict[str, Any]] = []
    below, seen = float(total), set[str]()
    for k, ((name, part), height) in enumerate(zip(parts.items(), heights, strict=True)):
        top, below = (below - TITLE_PX) / total, below - height
        mark = "" if k == 0 else str(k + 1)
        margin = 40 / total
        for letter in "xy":
            axis = dict(part["layout"].get(f"{letter}axis", {}))
            if axis.get("scaleanchor"):
                axis["scaleanchor"] = f"x{mark}"
            axis["anchor"] = f"{'y' if letter == 'x' else 'x'}{mark}"
            layout[f"{letter}axis{mark}"] = axis | ({"domain": [below / total + margin, top]} if letter == "y" else {})
        below -= GAP_PX
        layout["annotations"] += [_name_of(name, top), *_moved(part["layout"].get("annotations", ()), mark)]
        layout["shapes"] += _moved(part["layout"].get("shapes", ()), mark)
        traces += [_placed(trace, mark, scale, seen) for trace in part["data"]]
    return go.Figure({"data": traces, "layout": layout})


def _common_scale(parts: Mapping[str, Mapping[str, Any]]) -> tuple[float, float] | None:
    """The least and the largest end of all scales of colours: beside one bar of colours none may mean anything else."""
    ends = [
        (scaled[low], scaled[high])
        for part in parts.values()
        for trace in part["data"]
        for low, high in [SCALED.get(trace["type"], ("", ""))]
        for scaled in [trace if trace["type"] == "heatmap" else trace.get("marker", {})]
        if scaled.get(low) is not None
    ]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def _placed(trace: Mapping[str, Any], mark: str, scale: tuple[float, float] | None, seen: set[str]) -> dict[str, Any]:
    """The trace at its own axes; of one legend entry and one bar of colours the first ones stay."""
    placed = {**trace, "xaxis": f"x{mark}", "yaxis": f"y{mark}"}
    name = str(trace.get("name", ""))
    if name:
        placed |= {"legendgroup": name, "showlegend": trace.get("showlegend", True) and name not in seen}
        seen.add(name)
    low, high = SCALED.get(trace["type"], ("", ""))
    if trace["type"] == "heatmap" and scale and trace.get(low) is not None:
        placed |= {low: scale[0], high: scale[1], "showscale": trace.get("showscale", True) and not mark}
    elif scale and trace.get("marker", {}).get(low) is not None:
        placed["marker"] = {**trace["marker"], low: scale[0], high: scale[1], "showscale": not mark}
    return placed


def _name_of(name: str, top: float) -> dict[str, Any]:
    place = {"x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return {**place, "text": f"<b>{name}</b>", "showarrow": False}


def _moved(drawn: Sequence[Mapping[str, Any]], mark: str) -> list[dict[str, Any]]:
    """Notes and lines at the axes of their own drawing."""
    return [
        {
            **one,
            **({"xref": f"x{mark} domain" if one.get("xref") in ("paper", "x domain") else f"x{mark}"}),
            **({"yref": f"y{mark} domain" if one.get("yref") in ("paper", "y domain") else f"y{mark}"}),
        }
        for one in drawn
    ]
