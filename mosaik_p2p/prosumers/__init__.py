"""Prosumers: what they own (`devices`), what they still owe (`state`) and their problem over a look-ahead (`model`)."""
