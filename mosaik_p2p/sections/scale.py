"""Factors on what prosumers have."""

from mosaik_p2p.sections.base import Section
from mosaik_p2p.sections.ranges import Scaling


class Scale(Section):
    """Factors on what prosumers have: electric loads, heat loads, and the peak power of photovoltaic plants.

    The loads of the network itself follow `networks.electricity.background` alone.
    """

    load: Scaling = 1.0
    """On electric loads."""
    heat_load: Scaling = 1.0
    """On heat loads."""
    pv: Scaling = 1.0
    """On the peak power of photovoltaic plants."""
