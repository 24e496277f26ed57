"""mosaik simulators: market, electric grid, heat grid, profiles and recorder, each usable on its own.

Started in mosaik's process as `{"python": "mosaik_p2p.sims.market:Simulator"}`, as a process of its own with
`{"cmd": "%(python)s -m mosaik_p2p.sims.market %(addr)s"}`, or by hand anywhere and `{"connect": "host:port"}`.
mosaik's connections are neither encrypted nor authenticated: keep them on the own machine or inside a tunnel.
"""
