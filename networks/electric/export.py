"""The electric network as others can solve it again, with pandapower and the result table `buses` alone.

Everything that feeds or draws at a bus, the slacks excepted, is replaced by one load per bus without slack; it bears
the name of the bus and carries the net draw of the last solution. Taps stand where controllers have left them in that
solution, and the controllers are gone. To repeat another interval, write that interval's injections onto the loads (kW
to MW, and the sign turned: a load draws), the taps of controlled transformers (`tap_pos` of the table `transformers`)
onto these, and run:

    net = pandapower.from_json("electric_net.json")
    buses = ...  # rows of one `time` of buses.parquet, indexed by `bus`
    net.load["p_mw"] = -buses.loc[net.load["name"], "p_injection_kw"].to_numpy() / 1000
    net.load["q_mvar"] = -buses.loc[net.load["name"], "q_injection_kvar"].to_numpy() / 1000
    pandapower.runpp(net)
"""

from copy import deepcopy

import pandapower
from pandapower import pandapowerNet
from pandapower.toolbox import pp_elements


def net_as_solved(net: pandapowerNet) -> pandapowerNet:
    """A copy of a solved net with one load per bus; loads are zero where the net has no solution."""
    solved = deepcopy(net)
    solved["controller"] = solved["controller"].iloc[:0]
    for table in pp_elements(
        bus=False, bus_elements=True, branch_elements=False, other_elements=False, res_elements=False
    ):
        if table in solved and table != "ext_grid":
            solved[table] = solved[table].iloc[:0]
    slacks = solved.ext_grid.loc[solved.ext_grid["in_service"], "bus"]
    buses = solved.bus.index[solved.bus["in_service"] & ~solved.bus.index.isin(slacks)]
    drawn = net.res_bus.reindex(index=buses, columns=["p_mw", "q_mvar"]).fillna(0.0)
    names = solved.bus["name"].loc[buses].to_list()
    pandapower.create_loads(solved, buses, p_mw=drawn["p_mw"].to_list(), q_mvar=drawn["q_mvar"].to_list(), name=names)
    pandapower.clear_result_tables(solved)
    return solved
