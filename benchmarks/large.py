"""How long one clearing of very many prosumers takes, and how much memory: python benchmarks/large.py [SIZE ...]

    python benchmarks/large.py 10000 100000 [--horizon 24] [--beside]

The houses of `markets.random_market` on one random tree per carrier with as many places, both carriers, cleared in the
network form at a gap of 1e-3. They are stated as one table, house by house, so that no more than some of them are there
as objects at a time. Beyond 100 000 the same 100 000 houses stand at other places again. Each size runs in a process of
its own, with the seconds (wall and processor) of stating and of clearing, the most memory that it has had in the course
of both, and what the certificate says. `--beside` gives the same programme to PIQP and Clarabel, each in a
process of its own that is ended after `--patience` seconds.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from markets import random_market, random_prosumer, random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.reference.sparse_qp import sparse_program
from mosaik_p2p.market.warm_up import compile_kernel
from mosaik_p2p.prosumers.model import ModelBuilder
from mosaik_p2p.prosumers.prosumer import initial_state, stated
from mosaik_p2p.prosumers.tabulating import joined, table_of_stated
from mosaik_p2p.prosumers.window import Window

GAP = 1e-3
DIFFERENT = 100_000
"""Houses beyond that are the same again: to draw them takes as long as to clear the market."""
PEERS = ("PIQP", "Clarabel")


def large_market(count: int, seed: int, *, horizon: int = 24) -> MarketProblem:
    """`random_market` of the same arguments, number by number, as one table; up to `DIFFERENT` houses, or a multiple.

    Raises ValueError for other counts.
    """
    rng = np.random.default_rng(seed)
    member: list[tuple[bool, bool]] = []
    table = table_of_stated(_stated(rng, min(count, DIFFERENT), horizon, member), member=member)
    if count > DIFFERENT:
        times, left = divmod(count, DIFFERENT)
        if left:
            raise ValueError(f"{count} prosumers: beyond {DIFFERENT} only multiples of it")
        table = replace(joined([table] * times), names=[f"P{i}" for i in range(count)])
    places = (np.arange(count), np.where(table.member[:, 1], np.arange(count), -1))
    charges = tuple(
        path_charges(random_tree(rng, count), place, price_per_length=0.01, payer="both") for place in places
    )
    return MarketProblem(table, charges, 1.0)


def _stated(
    rng: np.random.Generator, count: int, horizon: int, member: list[tuple[bool, bool]]
) -> Iterator[ModelBuilder]:
    """House by house; who is a `member` of which carrier is known once all of them are there."""
    window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
    for i in range(count):
        house = random_prosumer(rng, f"P{i}", span=horizon, with_heat=rng.random() < 0.6)
        member.append((True, house.junctions is not None))
        yield stated(house, initial_state(house, day=0), window, dt_h=1.0)


@dataclass(frozen=True)
class Spent:
    """Wall and processor seconds since the begin of the process."""

    wall_s: float
    processor_s: float

    @classmethod
    def now(cls) -> "Spent":
        """Until now."""
        return cls(perf_counter(), process_time())

    def since(self, earlier: "Spent") -> str:
        """Between two moments."""
        return f"{self.wall_s - earlier.wall_s:.1f} s ({self.processor_s - earlier.processor_s:.1f} of processors)"


def peak_gb() -> float:
    """Memory that this process has needed at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def one_clearing(count: int, horizon: int) -> None:
    """State and clear one market, and tell of it."""
    clear(random_market(40, 3, horizon=horizon), Settings(form="network"))  # what was compiled is loaded
    empty, begin = peak_gb(), Spent.now()
    problem = large_market(count, 3, horizon=horizon)
    told, of_statement = Spent.now(), peak_gb()
    cleared = clear(problem, Settings(form="network", relative_gap=GAP))
    done = Spent.now()
    print(
        f"{count} prosumers, {horizon} intervals: {cleared.status}, {cleared.iterations} iterations, gap "
        f"{cleared.relative_gap:.1e}, cost {cleared.cost:.6g}\n"
        f"  stating {told.since(begin)}, clearing {done.since(told)}\n"
        f"  at most {of_statement:.2f} GB while stating, {peak_gb():.2f} GB in all: "
        f"{1e6 * (peak_gb() - empty) / count:.1f} kB each",
        flush=True,
    )


def one_peer(name: str, count: int, horizon: int) -> None:
    """The same programme by another solver."""
    from solvers import SOLVERS

    program = sparse_program(large_market(count, 3, horizon=horizon))
    begin = Spent.now()
    x = SOLVERS[name](program)
    print(f"  {name}: {Spent.now().since(begin)}, cost {program.cost(x):.6g}, {peak_gb():.2f} GB", flush=True)


def in_child(*arguments: str, patience_s: float | None = None) -> None:
    """In a process of its own: what one has needed at most does not fall again."""
    sys.stdout.flush()
    try:
        code = subprocess.run([sys.executable, __file__, *arguments], check=False, timeout=patience_s).returncode
        if code:
            print(f"  {' '.join(arguments)}: ended with code {code}", flush=True)
    except subprocess.TimeoutExpired:
        print(f"  {arguments[1]}: not within {patience_s:.0f} s", flush=True)


def main() -> None:
    """Print what each size takes."""
    parser = argparse.ArgumentParser(description="Benchmark of one clearing of very many prosumers.")
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--horizon", type=int, default=24)
    parser.add_argument("--beside", action="store_true", help="PIQP and Clarabel, too")
    parser.add_argument("--patience", type=float, default=300.0)
    parser.add_argument("--here", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here == "ours":
        one_clearing(asked.sizes[0], asked.horizon)
        return
    if asked.here:
        one_peer(asked.here, asked.sizes[0], asked.horizon)
        return
    compile_kernel()
    for count in asked.sizes:
        common = (str(count), "--horizon", str(asked.horizon))
        in_child("--here", "ours", *common)
        for name in PEERS if asked.beside else ():
            in_child("--here", name, *common, patience_s=asked.patience)


if __name__ == "__main__":
    main()
