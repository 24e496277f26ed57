"""The kinds of devices that ship, one file each: a section of the scenario file, and the device made from it."""
