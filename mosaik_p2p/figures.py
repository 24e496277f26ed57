"""Figures of one run or many: each function takes one result folder as it was read, a list of them, or a dict by name.

Each gives a `Panel`: `figure` is plotly's own, `title` and `note` say what it is, `show()` shows it, and a notebook
does by itself; `titled()` is the figure with both in it, to be written with `write_html` or `write_image`. None where
there is nothing to draw, such as heat where no run has any. The report of a run is made of the same functions.
"""

from mosaik_p2p.results.figures.market.clearing import iterations, relative_gaps
from mosaik_p2p.results.figures.market.dispatch import dispatch, energy_balance
from mosaik_p2p.results.figures.market.negotiation import negotiation_rounds, negotiation_violations, surcharges
from mosaik_p2p.results.figures.market.nodal_prices import nodal_price_map, nodal_price_parts, nodal_prices
from mosaik_p2p.results.figures.market.trades import partners, prices, traded
from mosaik_p2p.results.figures.money.costs import cost_parts, prosumer_costs
from mosaik_p2p.results.figures.money.operator import loss_shares, operator_account
from mosaik_p2p.results.figures.money.trade_off import trade_off
from mosaik_p2p.results.figures.networks.durations import duration_curve
from mosaik_p2p.results.figures.networks.limits import exchange, limited, loadings, voltages
from mosaik_p2p.results.figures.networks.maps import map_at
from mosaik_p2p.results.figures.networks.ways import along_the_way
from mosaik_p2p.results.figures.style import Panel
from mosaik_p2p.results.quantities.figures import storage_levels, verdicts

__all__ = [
    "Panel",
    "along_the_way",
    "cost_parts",
    "dispatch",
    "duration_curve",
    "energy_balance",
    "exchange",
    "iterations",
    "limited",
    "loadings",
    "loss_shares",
    "map_at",
    "negotiation_rounds",
    "negotiation_violations",
    "nodal_price_map",
    "nodal_price_parts",
    "nodal_prices",
    "operator_account",
    "partners",
    "prices",
    "prosumer_costs",
    "relative_gaps",
    "storage_levels",
    "surcharges",
    "trade_off",
    "traded",
    "verdicts",
    "voltages",
]
