"""Scenarios that run as they are: `mosaik-p2p run network1`. Each is one TOML file with the CSV files that it names."""
