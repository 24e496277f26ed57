"""Devices: the kinds that a prosumer may own, one file each, and what a kind has to say of itself.

What a new kind needs is named here; see docs/extending.md.
"""

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.devices.profiled import Load, Source
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window

__all__ = [
    "Block",
    "BuildContext",
    "Device",
    "DeviceClass",
    "DeviceSection",
    "Family",
    "Load",
    "Outcome",
    "Plan",
    "Profile",
    "ProsumerState",
    "Role",
    "Source",
    "Window",
    "as_planned",
]
