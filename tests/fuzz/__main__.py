"""The fuzzer by hand: `python tests/fuzz --surface scenario --count 20000 --jobs 2`."""

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    # Before the fuzzer's own modules, which are found in the folder of the tests.
    sys.path[:0] = [str(folder := Path(__file__).resolve().parents[1]), str(folder / "support")]

from fuzz.findings import Finding
from fuzz.pool import Found, Tally, fuzz
from fuzz.surfaces import SURFACES


def main() -> int:
    """Try, tell what is found as it is found, and sum up; 1 where something was found."""
    arguments = _arguments()
    began_s = time.monotonic()
    numbers = range(arguments.first, arguments.first + arguments.count)
    tries = [(surface, number) for surface in arguments.surface or SURFACES for number in numbers]
    tally = fuzz(tries, seed=arguments.seed, jobs=arguments.jobs, on_new=_tell, kept=arguments.keep)
    _sum_up(tally, time.monotonic() - began_s)
    return 1 if tally.found else 0


def _arguments() -> argparse.Namespace:
    surfaces = "\n".join(f"  {name:<10} {surface.about}" for name, surface in SURFACES.items())
    parser = argparse.ArgumentParser(
        prog="python tests/fuzz",
        description="Mutated input through every door of the program.",
        epilog=f"surfaces:\n{surfaces}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--surface", action="append", choices=SURFACES, help="repeatable; default: all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first try")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="tries per surface")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes side by side")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the input of tries that find something here")
    return parser.parse_args()


def _tell(found: Found) -> None:
    print(f"{found.surface}: {_line(found.finding)}\n    {found.finding.detail}\n    {found.command}", flush=True)


def _line(finding: Finding) -> str:
    return f"[{finding.kind}] {finding.what}"


def _sum_up(tally: Tally, seconds: float) -> None:
    print(f"\n{sum(tally.tries.values())} tries in {seconds:.0f} s")
    for surface, tries in tally.tries.items():
        found = [entry for entry in tally.found.values() if entry.surface == surface]
        print(
            f"  {surface:<10} {tries:>6} tries, slowest {tally.slowest_s[surface]:.1f} s, "
            f"{tally.with_findings[surface]} with findings of {len(found)} kinds"
        )
        for entry in sorted(found, key=lambda entry: (entry.finding.kind, -entry.times)):
            print(f"    {entry.times:>5} x {_line(entry.finding)}  (first: {entry.number})")


if __name__ == "__main__":
    sys.exit(main())
