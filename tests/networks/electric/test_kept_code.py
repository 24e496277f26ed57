"""Machine code of pandapower's loops is taken from where an earlier process kept it."""

import os
import subprocess
import sys
from pathlib import Path

POWER_FLOW = """
import numba.core.compiler as compiler
import pandapower.networks
from mosaik_p2p.networks.electric.kept_code import keep_code

compiled = []
compile_one = compiler.compile_extra
def counted(typing, target, function, *others, **options):
    compiled.append(function.__qualname__)
    return compile_one(typing, target, function, *others, **options)
compiler.compile_extra = counted
keep_code()
net = pandapower.networks.create_cigre_network_mv()
pandapower.runpp(net)
print(*compiled)
print(net.res_bus.vm_pu.sum().hex())
"""


def test_a_second_process_compiles_nothing_and_finds_the_same(tmp_path: Path) -> None:
    first, second = (_power_flow(tmp_path) for _ in range(2))
    assert {"gen_Ybus", "ds_find", "calc_branch_flows"} <= set(first[0].split())
    assert second[0] == ""
    assert second[1] == first[1]


def _power_flow(cache: Path) -> list[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", POWER_FLOW], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()
