"""Factors on what prosumers have."""

from mosaik_p2p.sections.base import Section
from mosaik_p2p.sections.ranges import Scaling


class Scale(Section):
    """Factors on what prosumers have: loads, photovoltaic plants, heat pumps and electric vehicles.

    The loads of the network itself follow `networks.electricity.background` alone.
    """

    load: Scaling = 1.0
    """On electric loads."""
    heat_load: Scaling = 1.0
    """On heat loads."""
    pv: Scaling = 1.0
    """On the peak power of photovoltaic plants."""
    heat_pump: Scaling = 1.0
    """On the power of heat pumps, and on the heat loads of those who own one: so many times as many heated houses."""
    ev: Scaling = 1.0
    """On power and energies of electric vehicles: so many times as many of them."""
