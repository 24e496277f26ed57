"""How far something may grow before a limit breaks: without a market, with it, and with one that negotiates.

A layer on sweeps: each point that is tried is an ordinary run. The search knows no scenarios (`search`); what grows is
in `growth`, what a run says about its point in `points`.
"""
