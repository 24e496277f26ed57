"""The tables of a result folder: every one with its columns, their meanings and the order of its rows.

`time` is the begin of the interval in UTC. Power is in kW, energy in kWh, money in the scenario's currency. Null says
"not known" or "does not apply", in the columns that may hold it; no column ever holds NaN.
"""

from mosaik_p2p.results.tables.accounts import ACCOUNT_TABLES
from mosaik_p2p.results.tables.columns import TableShape
from mosaik_p2p.results.tables.market import MARKET_TABLES
from mosaik_p2p.results.tables.networks import NETWORK_TABLES

TABLES: dict[str, TableShape] = {**MARKET_TABLES, **NETWORK_TABLES, **ACCOUNT_TABLES}
