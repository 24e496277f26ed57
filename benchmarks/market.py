"""How fast one clearing is, and how good: python benchmarks/market.py [--sizes 20 100] [--repeats 3] [--large]

Fixed problems, one clearing over 24 h from cold each. First `network1` and `network2` as shipped, day-ahead (all 24
hours get trades), each with 30 random variants (loads, PV, charges); then prosumers with PV, battery, flexible load
and, most of them, heat on a radial network. ADMM in network and in bilateral form stands beside PIQP, Clarabel,
OSQP and HiGHS on the same programme (`market.sparse`) in the same run, each up to the size that it ends with in a
minute or two. Seconds are wall time, the best of some repeats, after compilation; stating the problem counts for
neither side. `--large` adds 10 000 and 100 000 prosumers, `--huge N ...` any sizes, each in a process of its own, with
the memory that each prosumer takes; they take some minutes. `large.py` states such markets in less room.
"""

import argparse
import resource
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from solvers import LARGEST, SOLVERS, timed

from markets import random_market
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.devices.profiled import Load, Source
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.reference.sparse_qp import sparse_program
from mosaik_p2p.market.warm_up import compile_kernel
from mosaik_p2p.prosumers.model import ProsumerModel

KINDS = {name: section.device for name, section in device_kinds().items()}
VARIANTS = 30
BILATERAL_UP_TO = 20
HUGE = (10_000, 100_000)
WITHIN = 1e-4
"""What two welfares may differ by, relatively."""


@dataclass(frozen=True)
class Timed:
    """A clearing and its wall time."""

    clearing: Clearing
    seconds: float


def timed_clearing(
    problem: MarketProblem, form: str, *, gap: float = 1e-3, repeats: int = 3, binding: int = 1
) -> Timed:
    """The fastest of some clearings; they are all the same."""
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        clearing = clear(problem, Settings(form=form, relative_gap=gap, binding=binding))
        times.append(perf_counter() - begin)
    if clearing.status is not Status.OK:
        print(f"  not converged: {clearing.cause}", flush=True)
    return Timed(clearing, min(times))


def shipped(name: str) -> MarketProblem:
    """The first day of a shipped scenario."""
    return RollingMarket(market_case(load(name))).problem(0)


def varied(problem: MarketProblem, seed: int) -> MarketProblem:
    """Other loads (0.6 to 1.4 of each), other sources by profile (0 to 1.6), other charges (0.3 to 3)."""
    rng = np.random.default_rng(seed)
    models = tuple(_varied_model(model, rng) for model in problem.models)
    charges = tuple(_dearer(charge, float(rng.uniform(0.3, 3.0))) for charge in problem.charges)
    return MarketProblem(models, charges, problem.dt_h)


def _varied_model(model: ProsumerModel, rng: np.random.Generator) -> ProsumerModel:
    upper, linear, constant = model.upper.copy(), model.linear.copy(), model.constant
    totals = list(model.totals)
    for k, variable in enumerate(model.variables):
        kind = KINDS.get(variable.type)
        if kind is not None and issubclass(kind, Source):
            upper[k] *= rng.uniform(0.0, 1.6)
        elif kind is not None and issubclass(kind, Load) and k in {total.k for total in totals}:
            factor = float(rng.uniform(0.6, 1.4))
            wished = -linear[k] / model.quadratic[k]
            constant += float(np.sum(model.quadratic[k] / 2 * wished**2)) * (factor**2 - 1.0) * model.dt_h
            linear[k] *= factor
            totals = [replace(t, power_kw=t.power_kw * factor) if t.k == k else t for t in totals]
    fixed = model.fixed * rng.uniform(0.6, 1.4)
    return replace(model, upper=upper, linear=linear, constant=constant, totals=tuple(totals), fixed=fixed)


def _dearer(charges: Charges, factor: float) -> Charges:
    if charges.tree is None:
        raise ValueError("the variants are of radial networks")
    tree = replace(charges.tree, charge=charges.tree.charge * factor)
    return replace(charges, posted=charges.posted * factor, tree=tree)


def family(name: str, problems: list[MarketProblem], repeats: int) -> None:
    """One line on the first problem and one on all: median and worst."""
    for form in ("network", "bilateral"):
        runs = [timed_clearing(problem, form, repeats=repeats, binding=problem.shape[1]) for problem in problems]
        first, rest = runs[0], runs[1:]
        print(
            f"{name:<12}{form:<11}{first.clearing.iterations:>5}{first.seconds * 1e3:>8.1f}"
            f"{first.clearing.relative_gap:>9.1e} |"
            f"{median(run.clearing.iterations for run in rest):>6.0f}{max(run.clearing.iterations for run in rest):>6}"
            f"{median(run.seconds for run in rest) * 1e3:>8.1f}{max(run.seconds for run in rest) * 1e3:>8.1f}"
            f"{median(run.clearing.relative_gap for run in rest):>9.1e}"
            f"{max(run.clearing.relative_gap for run in rest):>9.1e}",
            flush=True,
        )


def edges_of(problem: MarketProblem, form: str) -> int:
    """What trades flow over: edges of the networks, or pairs."""
    if form == "bilateral":
        return sum(int(who.sum()) * (int(who.sum()) - 1) // 2 for who in problem.member)
    return sum(len(charges.tree.parent) - 1 for charges in problem.charges if charges.tree is not None)


def line(count: int, edges: int, method: str, iterations: str, seconds: float, gap: str, above: str) -> None:
    """One row of the ladder."""
    print(f"{count:>9}{edges:>9}  {method:<22}{iterations:>6}{seconds:>10.3f}{gap:>10}{above:>12}", flush=True)


def ladder(count: int, repeats: int) -> None:
    """One size: ADMM in both forms at two gaps, and every solver that can."""
    problem = random_market(count, 3)
    program = sparse_program(problem)
    edges = edges_of(problem, "network")
    reference = None
    for name, solver in SOLVERS.items():
        if count > LARGEST[name]:
            continue
        try:
            seconds, cost = min(timed(solver, program) for _ in range(repeats if count < 300 else 1))
        except RuntimeError as error:
            print(f"{count:>9}{edges:>9}  {name:<22}failed: {error}", flush=True)
            continue
        reference = cost if reference is None else reference
        line(count, edges, name, "", seconds, "", f"{(cost - reference) / abs(reference):.1e}")
    for form, gap in (("network", 1e-3), ("network", 1e-4), ("bilateral", 1e-3)):
        if form == "bilateral" and count > BILATERAL_UP_TO:
            continue
        run = timed_clearing(problem, form, gap=gap, repeats=repeats)
        above = "" if reference is None else f"{(run.clearing.cost - reference) / abs(reference):.1e}"
        method = f"ADMM {form}, {gap:g}"
        found = (str(run.clearing.iterations), run.seconds, f"{run.clearing.relative_gap:.1e}", above)
        line(count, edges_of(problem, form), method, *found)


def peak_gb() -> float:
    """Memory that this process has needed at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def huge(count: int) -> None:
    """One clearing in the network form, with what it takes in memory, stating it included."""
    before, begin, used = peak_gb(), perf_counter(), process_time()
    problem = random_market(count, 3)
    built, stated = perf_counter() - begin, process_time()
    run = timed_clearing(problem, "network", repeats=1)
    gap, iterations = f"{run.clearing.relative_gap:.1e}", str(run.clearing.iterations)
    line(count, edges_of(problem, "network"), "ADMM network, 0.001", iterations, run.seconds, gap, "")
    print(
        f"{'':>18}  {process_time() - stated:.0f} s of the processor; {built:.0f} s ({stated - used:.0f}) for stating "
        f"it; {peak_gb():.1f} GB at the most, {1e6 * (peak_gb() - before) / count:.0f} kB each",
        flush=True,
    )


def huge_in_child(count: int) -> None:
    """In a process of its own: how much one has needed at most does not fall again."""
    sys.stdout.flush()
    subprocess.run([sys.executable, __file__, "--here", str(count)], check=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Benchmark of the market core.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[5, 8, 20, 100, 300, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also 10 000 and 100 000 prosumers")
    parser.add_argument("--huge", type=int, nargs="*", help="these sizes in place of those of --large")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    compile_kernel()
    # What was compiled is loaded by the first clearing.
    timed_clearing(shipped("network1"), "network", repeats=1)
    if asked.here:
        huge(asked.here)
        return
    print(f"{'':<23}{'as it is':>22} |{f'{VARIANTS} variants: median, worst':>41}")
    print(f"{'problem':<12}{'form':<11}{'iter':>5}{'ms':>8}{'gap':>9} |{'iterations':>12}{'ms':>16}{'gap':>18}")
    cases = {name: shipped(name) for name in ("network1", "network2")}
    for name, problem in cases.items():
        family(name, [problem, *(varied(problem, seed) for seed in range(VARIANTS))], asked.repeats)
    print(f"\n{'prosumers':>9}{'edges':>9}  {'method':<22}{'iter':>6}{'seconds':>10}{'gap':>10}{'cost above':>12}")
    for count in asked.sizes:
        ladder(count, asked.repeats)
    for count in asked.huge or (HUGE if asked.large else ()):
        huge_in_child(count)


if __name__ == "__main__":
    main()
