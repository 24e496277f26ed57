"""What every heat network of this package consists of: the pipes, where its plants stand, and how it is run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.networks.heat.consumers import Consumer, FileConsumer, without_consumers
from mosaik_p2p.networks.heat.hydraulics.friction import DEFAULT_FRICTION
from mosaik_p2p.scenario.parts.grids import USUAL_SUPPLY_C

STRAND_ENDS = "strand_ends"
"""In `HeatSettings.bypass_nodes`: every dead end of the supply tree, so that nobody has to list them."""


@dataclass(frozen=True, kw_only=True)
class HeatSettings:
    """How a heat network is run: the fixed temperatures and the bypasses."""

    t_supply_c: float | None = None
    """Outlet of all plants; None: what the network says."""
    plant_t_supply_c: Mapping[str, float] = field(default_factory=dict)
    """Name of a plant to its outlet, where it is not that of all."""
    t_return_c: float
    """Outlet, on the return side, of consumers (and of the plant when it takes surplus)."""
    t_feed_c: float | None = None
    """Outlet, on the supply side, of producers; None: that of the plant that balances the network there."""
    t_ground_c: float
    friction: str | None = None
    """One of `FRICTION_MODELS`; None: what the network says."""
    bypass_nodes: tuple[str, ...] = ()
    bypass_mdot_kg_per_s: float = 0.0
    plant_shares: Mapping[str, float] = field(default_factory=dict)
    """Name of a plant to its share, see `Plant.share`. In each connected network one plant has none: it balances."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A place that gives heat: one that balances its network, one that feeds a share, or a file's own steady pump.

    The one that balances keeps the pressures and gives or takes the missing heat, all losses among it.
    """

    name: str
    supply: int
    """Junction on the supply side."""
    return_: int
    p_supply_bar: float = 0.0
    """Of the one that balances."""
    lift_bar: float = 0.0
    """Pressure difference that the one that balances keeps between supply and return."""
    t_supply_c: float = USUAL_SUPPLY_C
    """Its outlet on the supply side."""
    share: float | None = None
    """Of the heat that the prosumers of the network draw more than they feed in, consumers of a file that control their
    return temperature among them, the part that this plant feeds."""
    element: int | None = None
    """Index in `circ_pump_mass` of a file's pump of constant mass flow, which runs as the file says."""

    @property
    def balances(self) -> bool:
        """Whether it is this plant that balances its network."""
        return self.share is None and self.element is None


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
    consumers: tuple[Consumer, ...] = ()
    """Of a file, with given heat and return temperature; they are not in `net`."""
    file_consumers: tuple[FileConsumer, ...] = ()
    """All consumers in service of a file, those of `consumers` among them."""
    friction: str = DEFAULT_FRICTION
    """The model of friction in pipes."""

    def without_consumers(self, elements: Collection[int]) -> "HeatNetwork":
        """The network without those of `file_consumers` that have these indices: prosumers stand for them."""
        if not elements:
            return self
        return replace(
            self,
            net=without_consumers(self.net, elements),
            consumers=tuple(consumer for consumer in self.consumers if consumer.element not in elements),
            file_consumers=tuple(consumer for consumer in self.file_consumers if consumer.element not in elements),
        )

    @property
    def balancing(self) -> tuple[Plant, ...]:
        """The plants that balance, one for each connected network."""
        return tuple(plant for plant in self.plants if plant.balances)

    @property
    def feeding(self) -> tuple[Plant, ...]:
        """The plants that feed a share."""
        return tuple(plant for plant in self.plants if plant.share is not None)

    @property
    def steady(self) -> tuple[Plant, ...]:
        """The pumps of constant mass flow that a file brought along."""
        return tuple(plant for plant in self.plants if plant.element is not None)
