"""Prosumers: what they own (`prosumer`), what is asked of a device (`device`), what they still owe (`state`) and their
problem over a look-ahead (`model`)."""
