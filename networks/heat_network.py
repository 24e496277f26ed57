"""What every heat network of this package consists of: the pipes, where its plants stand, and how it is run."""

from dataclasses import dataclass

from pandapipes.pandapipes_net import pandapipesNet

STRAND_ENDS = "strand_ends"
"""In `HeatSettings.bypass_nodes`: every dead end of the supply tree, so that nobody has to list them."""


@dataclass(frozen=True, kw_only=True)
class HeatSettings:
    """How a heat network is run: the fixed temperatures and the bypasses."""

    t_supply_c: float
    """Outlet of the plant."""
    t_return_c: float
    """Outlet, on the return side, of whoever draws (and of the plant when it takes surplus)."""
    t_feed_c: float
    """Outlet, on the supply side, of whoever feeds in."""
    t_ground_c: float
    bypass_nodes: tuple[str, ...] = ()
    bypass_mdot_kg_per_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plant:
    """The place that balances the network: it keeps the pressures and gives or takes the missing heat."""

    name: str
    supply: int
    """Junction on the supply side."""
    return_: int
    p_supply_bar: float
    lift_bar: float
    """Pressure difference that the plant keeps between supply and return."""


@dataclass(frozen=True, kw_only=True)
class HeatNetwork:
    """Pipes without plant, prosumers or bypasses (`HeatFlow` adds those), and the places of all three.

    `net` holds supply and return side; junction and pipe names are unique strings. `nodes` maps the name of a place to
    its (supply, return) junctions; it is empty for a user's file, whose places are named by their junctions.
    """

    name: str
    net: pandapipesNet
    provenance: str
    nodes: dict[str, tuple[int, int]]
    plants: tuple[Plant, ...]
    bypasses: tuple[tuple[int, int], ...]
    """(supply, return) junctions of `settings.bypass_nodes`."""
    settings: HeatSettings
