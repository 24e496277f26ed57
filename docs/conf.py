"""How Sphinx builds these pages: `.venv/bin/nox -s docs`."""

project = "mosaik_p2p"
author = "the mosaik_p2p contributors"
extensions = ["myst_parser"]
html_theme = "alabaster"
html_copy_source = False
# Examples of one entry of a list are shown as written there, which is no TOML file by itself.
suppress_warnings = ["misc.highlighting_failure"]
