"""The market: its statement (`problem`), its algorithms and the certificate that judges them.

Stands alone: no co-simulation and no network library is imported here.
"""
