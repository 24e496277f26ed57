"""This package in other people's setups: small scripts that run as they are, each with the numbers that it prints.

| script | shows |
|---|---|
| `market_alone` | two houses and their market, built by hand: no mosaik, no networks |
| `usual_grid` | the market in a loop with the grid of mosaik-pandapower-2 |
| `either_grid` | the electric grid in the place of mosaik-pandapower-2: one entry of SIM_CONFIG |
| `processes` | simulators started by `python`, `cmd` and `connect` |
| `refused_grid` | a grid that steps by the clock alone, and why it is refused |
| `files` | inputs from mosaik-csv, outputs to its writer and to mosaik-hdf5 |
| `own_world` | market, grid and recorder in a world of one's own, which ends with a report |
| `agents` | every prosumer a process of its own that tells only what it would sell at a price; one may die |
| `overnight` | fifty futures of a village, here, as a job array or on a Dask cluster (with batch scripts) |
| `attributes` | transformers, storages, power and losses of lines; plants and pipes |

Notebooks, for Jupyter in a folder of one's own (each takes seconds):

| notebook | for |
|---|---|
| `planner.ipynb` | a grid planner's time series: what breaks where, and the same with measured loads |
| `designs.ipynb` | whoever compares designs of the market |
| `own_networks.ipynb` | whoever has files of pandapower and pandapipes |

`python -m mosaik_p2p.scenarios.examples.usual_grid` runs the first. The simulators of others come with
`pip install mosaik-p2p[examples]`.
"""
