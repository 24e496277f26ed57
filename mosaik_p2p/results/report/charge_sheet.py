"""Sheets of charges for readers: as text, as CSV and as a picture."""

import csv
import io
from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go
import plotly.io

from mosaik_p2p.charges.sheet import ChargeSheet
from mosaik_p2p.results.figures.style import blank

COLUMNS = ("carrier", "time", "seller", "buyer", "charge_seller_per_kwh", "charge_buyer_per_kwh", "chain_per_kwh")
"""Of the CSV file."""
MARK = "<!-- charges, mosaik-p2p -->"
"""First line of a page with the picture."""
FEW = 12
"""Up to so many prosumers the text shows the whole matrix."""
TOLD = 10
"""Pairs of a kind that are told one by one."""
CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False}
PIXELS = (420, 26, 1100)
"""Least height of a picture, height per prosumer, greatest height."""


def charges_text(sheets: Sequence[ChargeSheet]) -> str:
    """What the command prints."""
    return "\n\n".join("\n".join(_lines(sheet)) for sheet in sheets)


def charges_csv(sheets: Sequence[ChargeSheet]) -> str:
    """One row for every direction of every pair that may trade; an empty chain where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for sheet in sheets:
        for i, j in np.argwhere(sheet.may_trade).tolist():
            ends = (sheet.seller_per_kwh[i, j], sheet.buyer_per_kwh[i, j], sheet.chain_per_kwh[i, j])
            names = (sheet.prosumers[i], sheet.prosumers[j])
            numbers = [repr(float(value)) if np.isfinite(value) else "" for value in ends]
            writer.writerow([sheet.carrier, sheet.begin.isoformat(), *names, *numbers])
    return text.getvalue()


def is_charges_csv(text: str) -> bool:
    """Whether a text is an earlier file of charges."""
    return text.partition("\n")[0].strip() == ",".join(COLUMNS)


def charges_page(sheets: Sequence[ChargeSheet]) -> str:
    """A page that needs nothing else, with a heat map for each sheet."""
    figures = [
        plotly.io.to_html(_figure(sheet), include_plotlyjs=n == 0, full_html=False, config=CONFIG)
        for n, sheet in enumerate(sheets)
    ]
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Charges</title></head><body>'
    return "\n".join([MARK, head, *figures, "</body></html>", ""])


def is_charges_page(text: str) -> bool:
    """Whether a text is an earlier page of charges."""
    return text.startswith(MARK)


def _lines(sheet: ChargeSheet) -> Iterator[str]:
    yield f"{sheet.carrier.capitalize()}, interval from {sheet.begin.isoformat()}"
    yield from (f"  {text}" for text in sheet.mechanisms)
    yield from (f"  ! {text}" for text in sheet.remarks)
    count = int(np.triu(sheet.may_trade, 1).sum())
    if not count:
        yield "  Nobody may trade here."
        return
    yield f"  Both ends of a kWh together, {sheet.currency}/kWh; sellers in rows, {count} pairs may trade:"
    yield from _matrix(sheet) if len(sheet.prosumers) <= FEW else _range(sheet)
    if sheet.has_places:
        yield f"  In it, by place and paid once, {sheet.currency} per kWh injected:"
        yield from _places(sheet)
    yield from _undercut(sheet)


def _matrix(sheet: ChargeSheet) -> Iterator[str]:
    width = max(9, *(len(name) + 2 for name in sheet.prosumers))
    lead = max(len(name) for name in sheet.prosumers)
    yield " " * (lead + 4) + "".join(f"{name:>{width}}" for name in sheet.prosumers)
    for i, name in enumerate(sheet.prosumers):
        open_ = sheet.may_trade[i]
        cells = (f"{v:.4f}" if may else "-" for v, may in zip(sheet.total_per_kwh[i], open_, strict=True))
        yield f"    {name:<{lead}}" + "".join(f"{cell:>{width}}" for cell in cells)


def _range(sheet: ChargeSheet) -> Iterator[str]:
    values = np.where(sheet.may_trade, sheet.total_per_kwh, np.nan)
    for what, at in (("least", np.nanargmin(values)), ("most", np.nanargmax(values))):
        i, j = divmod(int(at), len(values))
        yield f"    {what} {values[i, j]:.6g} from {sheet.prosumers[i]} to {sheet.prosumers[j]}"
    yield f"    mean {np.nanmean(values):.6g}"


def _places(sheet: ChargeSheet) -> Iterator[str]:
    order = np.argsort(-np.abs(sheet.place_per_kwh), kind="stable")
    for n in order[:FEW].tolist():
        yield f"    {sheet.prosumers[n]}: {sheet.place_per_kwh[n]:+.6g}"
    if len(order) > FEW:
        yield f"    and {len(order) - FEW} more"


def _undercut(sheet: ChargeSheet) -> Iterator[str]:
    pairs = np.argwhere(np.triu(sheet.undercut, 1))
    if not len(pairs):
        yield "  No pair is undercut by a chain of others."
        return
    yield f"  {len(pairs)} pairs are undercut by a chain of others, who would buy and sell on:"
    saved = [sheet.total_per_kwh[i, j] - sheet.chain_per_kwh[i, j] for i, j in pairs.tolist()]
    for n in np.argsort(saved)[::-1][:TOLD].tolist():
        i, j = pairs[n].tolist()
        values = f"{sheet.total_per_kwh[i, j]:.6g}, by a chain {sheet.chain_per_kwh[i, j]:.6g} {sheet.currency}/kWh"
        yield f"    {sheet.prosumers[i]} and {sheet.prosumers[j]}: {values}"
    if len(pairs) > TOLD:
        yield f"    and {len(pairs) - TOLD} more"


def _figure(sheet: ChargeSheet) -> go.Figure:
    least, each, most = PIXELS
    figure = blank(None, "seller", height_px=min(max(least, 160 + each * len(sheet.prosumers)), most))
    title = f"{sheet.carrier.capitalize()}, {sheet.begin.isoformat()}: {'; '.join(sheet.mechanisms)}"
    figure.add_trace(
        go.Heatmap(
            z=np.where(sheet.may_trade, sheet.total_per_kwh, np.nan),
            x=list(sheet.prosumers),
            y=list(sheet.prosumers),
            customdata=np.dstack([sheet.seller_per_kwh, sheet.buyer_per_kwh, sheet.chain_per_kwh]),
            hovertemplate="%{y} to %{x}: %{z:.6g}<br>seller %{customdata[0]:.6g}, buyer %{customdata[1]:.6g}"
            "<br>by a chain %{customdata[2]:.6g}<extra></extra>",
            colorscale="Viridis",
            colorbar={"title": {"text": f"{sheet.currency}/kWh"}},
        )
    )
    figure.update_layout(title={"text": title, "font": {"size": 14}}, margin={"t": 60}, hovermode="closest")
    figure.update_xaxes(title_text="buyer", type="category")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure
