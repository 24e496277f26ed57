"""What every figure of the report shares: its look, its clock, and curves that hold over an interval."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.store.reading import Results

# The palette of Okabe and Ito (2008), told apart with any colour vision; the yellow is left out, it fades on white.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#222222",
)
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK)
GREY, PALE, LIMIT_COLOUR = "#8a8f98", "#c9dcec", "#b00020"
DASHES = ("solid", "dash", "dot")

LONG = 400
"""Of more intervals curves and bars are drawn day by day."""
FAR = 3.0
"""A limit so many times as far from the data as these reach is told at the edge of the figure, and not drawn."""
FEW_CURVES = 6
"""Up to so many elements are drawn one by one; of more, a band and its worst element."""
HEIGHT_PX = 310
NOTE_WIDTH, NOTE_PX = 120, 16
"""Of a note under a title: letters in a line, and a line's height."""
HEADROOM = 0.06
"""Share of the axis left free beyond data and limits."""


@dataclass(frozen=True)
class Panel:
    """A figure with what has to be said about it; `key` names it in the page."""

    key: str
    title: str
    note: str
    figure: go.Figure
    is_wide: bool = False
    slider: Mapping[str, Any] | None = None
    """What the page needs to draw other intervals of a map."""

    def titled(self) -> go.Figure:
        """The figure with title and note in it, for where no page says them."""
        note = "<br>".join(textwrap.wrap(self.note, NOTE_WIDTH))
        lines = 1 + note.count("<br>")
        made = go.Figure(self.figure)
        made.update_layout(
            title={
                "text": self.title,
                "subtitle": {"text": note},
                "x": 0,
                "xref": "paper",
                "yref": "container",
                "y": 0.98,
            },
            margin={"t": made.layout.margin.t + 70 + NOTE_PX * lines},
            height=made.layout.height + 70 + NOTE_PX * lines,
        )
        return made

    def show(self, **options: Any) -> None:
        """Show it where plotly shows figures: a browser, or the notebook."""
        self.titled().show(**options)

    def _repr_mimebundle_(self, *given: Any, **named: Any) -> Any:
        """What a notebook shows."""
        return self.titled()._repr_mimebundle_(*given, **named)


@dataclass(frozen=True)
class Clock:
    """The intervals of the run: their begins in UTC, and how they are printed."""

    begins: pd.DatetimeIndex
    dt_h: float
    results: Results

    @property
    def dt(self) -> timedelta:
        """Length of an interval."""
        return timedelta(hours=self.dt_h)

    @property
    def is_long(self) -> bool:
        """Whether there are more intervals than can be told apart."""
        return len(self.begins) > LONG

    @property
    def per(self) -> str:
        """What a bar of energy or money counts: an `interval`, or a `day`."""
        return "day" if self.is_long else "interval"

    @property
    def label(self) -> str:
        """Title of a time axis."""
        return f"time ({self.results.facts.axis_label})"

    def local(self, moment: datetime) -> datetime:
        """A moment at the offset of the start, without that offset: plotly prints such times as they stand."""
        return moment.astimezone(self.results.facts.axis_zone).replace(tzinfo=None)

    def moments(self, index: pd.Index) -> list[datetime]:
        """The times of a table's index on the scenario's clock."""
        return [self.local(moment) for moment in pd.DatetimeIndex(index).to_pydatetime()]

    def told(self, moment: datetime) -> str:
        """A moment as texts print it, on the axes' clock."""
        return f"{self.local(moment):%a %d %b %Y %H:%M}"

    def local_begins(self) -> list[datetime]:
        """All begins on the scenario's clock."""
        return self.moments(self.begins)

    def local_middles(self) -> list[datetime]:
        """The middles of all intervals on the scenario's clock."""
        return [begin + self.dt / 2 for begin in self.local_begins()]


def clock_of(results: Results) -> Clock:
    """The intervals that the scenario asked for, also those that were never computed."""
    facts, computed = results.facts, pd.DatetimeIndex(results.binding["time"])
    if facts.start is None or facts.steps is None:
        return Clock(computed, facts.dt_h, results)
    planned = pd.date_range(facts.start, periods=facts.steps, freq=timedelta(hours=facts.dt_h)).tz_convert("UTC")
    return Clock(planned.union(computed), facts.dt_h, results)


FONT = {"family": "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif", "size": 12, "color": BLACK}
AXIS = {
    "automargin": True,
    "showline": True,
    "linecolor": GREY,
    "gridcolor": "#e6e8eb",
    "zeroline": False,
    "ticks": "outside",
}
LAYOUT = {
    "template": "none",
    "margin": {"l": 64, "r": 16, "t": 12, "b": 54},
    "font": FONT,
    "colorway": list(COLOURS),
    "hovermode": "x unified",
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    "showlegend": True,
    "bargap": 0.15,
}


def blank(clock: Clock | None, y_title: str, *, height_px: int = HEIGHT_PX) -> go.Figure:
    """An empty figure in the report's look, over time where a clock is given."""
    # The library takes a tenth of a second to update a layout bit by bit: here it gets the whole of it at once.
    y_axis = {**AXIS, "title": {"text": y_title}}
    return go.Figure(layout={**LAYOUT, "height": height_px, "xaxis": {**AXIS, **time_axis(clock)}, "yaxis": y_axis})


def time_axis(clock: Clock | None) -> dict[str, Any]:
    """What an axis of time has beside others: its span, its ticks and its title; nothing without a clock."""
    if clock is None or not len(clock.begins):
        return {}
    begins = clock.local_begins()
    # The second line of a tick is printed only where it changes: the day once, the hour at every tick.
    title = {"text": clock.label, "standoff": 6}
    span = {"range": [begins[0], begins[-1] + clock.dt], "type": "date"}
    ticks = {"tickformat": "%d %b\n%Y" if clock.is_long else "%H:%M\n%a %d %b", "nticks": 10}
    return {"title": title, **ticks, **span}


def on_clock(clock: Clock, rows: pd.DataFrame, value: str) -> pd.Series:
    """A column summed per interval, without value where there is no row."""
    return rows.groupby("time")[value].sum(min_count=1).reindex(clock.begins)


def steps(clock: Clock, values: pd.Series) -> tuple[list[datetime], list[float | None]]:
    """Points of a curve that holds each value over its interval, with gaps where there is none."""
    x: list[datetime] = []
    y: list[float | None] = []
    for first, last in _runs(values):
        begins = clock.moments(values.index[first:last])
        known = [float(value) for value in values.iloc[first:last]]
        end = begins[-1] + clock.dt
        x += [*begins, end, end]
        y += [*known, known[-1], None]
    return x, y


def by_day(clock: Clock, values: pd.Series, how: str) -> tuple[Clock, pd.Series]:
    """Values day by day, with the days as their clock: their `sum`, `mean`, `min`, `max` or `last`; a day without any
    value has none. Days are those of the axes' clock."""
    local = pd.DatetimeIndex(values.index).tz_convert(clock.results.facts.axis_zone)
    groups = values.astype(float).groupby(local.normalize().tz_convert("UTC"))
    found = groups.sum(min_count=1) if how == "sum" else getattr(groups, how)()
    return replace(clock, begins=pd.DatetimeIndex(found.index), dt_h=24.0), found


def _runs(values: pd.Series) -> Iterator[tuple[int, int]]:
    """Begin and end (exclusive) of every stretch of known values."""
    first = None
    for k, is_known in enumerate([*values.notna(), False]):
        if is_known and first is None:
            first = k
        elif not is_known and first is not None:
            yield first, k
            first = None


def add_steps(
    figure: go.Figure, clock: Clock, values: pd.Series, name: str, *, daily: str = "mean", **style: Any
) -> None:
    """Draw a curve that holds over each interval; of a long run over each day, by what `by_day` makes of it."""
    if clock.is_long:
        clock, values = by_day(clock, values, daily)
        name = f"{name} ({daily} of the day)"
    x, y = steps(clock, values)
    line = {"shape": "hv", "width": 1.8, **style.pop("line", {})}
    figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines", line=line, **style))


def add_band(figure: go.Figure, clock: Clock, low: pd.Series, high: pd.Series, name: str) -> None:
    """Shade between two curves that hold over each interval, or, of a long run, between the extremes of each day."""
    if clock.is_long:
        (_, low), (clock, high) = by_day(clock, low, "min"), by_day(clock, high, "max")
    x: list[datetime | None] = []
    y: list[float | None] = []
    for first, last in _runs(low):
        corners = [(at, end) for at in clock.moments(low.index[first:last]) for end in (False, True)]
        edge = [at + clock.dt if end else at for at, end in corners]
        upper = [float(value) for value in high.iloc[first:last] for _ in range(2)]
        lower = [float(value) for value in low.iloc[first:last] for _ in range(2)]
        x += [*edge, *reversed(edge), None]
        y += [*upper, *reversed(lower), None]
    fill = {"fill": "toself", "fillcolor": PALE, "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines", **fill))


def add_limit(figure: go.Figure, value: float | None, text: str, *, is_floor: bool) -> None:
    """Draw a limit as a dashed line with its number, on the side where nothing allowed is drawn."""
    if value is None:
        return
    style = {"color": LIMIT_COLOUR, "width": 1.4, "dash": "dash"}
    figure.add_shape(type="line", xref="x domain", x0=0, x1=1, y0=value, y1=value, line=style)
    _note(figure, text, y=value, yref="y", yanchor="top" if is_floor else "bottom")


def _note(figure: go.Figure, text: str, **place: Any) -> None:
    look = {"text": text, "font": {"color": LIMIT_COLOUR, "size": 11}, "showarrow": False}
    figure.add_annotation(**look, xref="x domain", x=1, xanchor="right", **place)


def add_limits(figure: go.Figure, values: Sequence[float], limits: Sequence[tuple[float, str, bool]]) -> None:
    """Limits, each with its text and whether it is a floor, and an axis that shows the data: a limit that lies far from
    all `values` is told at the edge."""
    known = [value for value in values if pd.notna(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span = max(high - low, 1e-3 * abs(high), 1e-9)
    near = [(value, text, is_floor) for value, text, is_floor in limits if _distance(value, low, high) <= FAR * span]
    for value, text, is_floor in near if known else limits:
        add_limit(figure, value, text, is_floor=is_floor)
    for value, text, _ in limits if known else ():
        if _distance(value, low, high) > FAR * span:
            is_above = value > high
            place = {"y": 1 if is_above else 0, "yanchor": "top" if is_above else "bottom"}
            _note(figure, f"{text}, {'above' if is_above else 'below'}", yref="y domain", **place)
    fit_axis(figure, [*known, *(value for value, *_ in near)])


def _distance(value: float, low: float, high: float) -> float:
    return max(value - high, low - value, 0.0)


def fit_axis(figure: go.Figure, values: Sequence[float | None]) -> None:
    """Let the value axis show all data and limits; plotly looks at data only."""
    known = [value for value in values if value is not None and pd.notna(value)]
    if not known:
        return
    low, high = min(known), max(known)
    room = HEADROOM * (high - low) or 0.01 * abs(high) or 1.0
    figure.update_yaxes(range=[low - 2 * room, high + 2 * room])


def add_bars(
    figure: go.Figure, clock: Clock, values: pd.Series, name: str, *, daily: str = "sum", **style: Any
) -> None:
    """Draw one bar per interval, as wide as the interval; of a long run one per day, by what `by_day` makes of it."""
    if clock.is_long:
        clock, values = by_day(clock, values, daily)
        name = name if daily == "sum" else f"{name} ({daily} of the day)"
    width_ms = clock.dt.total_seconds() * 1000 * 0.9
    heights = [None if pd.isna(value) else float(value) for value in values]
    figure.add_trace(go.Bar(x=clock.local_middles(), y=heights, width=width_ms, name=name, **style))
