"""What a draft is to hold: how many prosumers, and which part of them owns what."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.errors import Fault

PV, STORAGE, HEAT_PUMP, CAR, COLLECTOR = "pv", "storage", "heat_pump", "car", "collector"
USUAL_SHARES = {PV: 0.5, STORAGE: 0.3, HEAT_PUMP: 0.2, CAR: 0.3, COLLECTOR: 0.2}
"""Part of the prosumers that owns each of these where nobody says otherwise."""
ELECTRIC = (PV, STORAGE, HEAT_PUMP, CAR)
"""What needs an electric network."""
MOST_PROSUMERS = 2000
REGIONS = (1, 15)
"""Of the German weather service's test reference years."""


@dataclass(frozen=True)
class Wishes:
    """What the caller asks for; a share of None is the usual one."""

    prosumers: int = 12
    shares: tuple[tuple[str, float | None], ...] = ()
    seed: int = 1
    region: int = 12

    def share(self, what: str) -> float:
        """Part of the prosumers that owns it."""
        stated = dict(self.shares).get(what)
        return USUAL_SHARES[what] if stated is None else stated

    def owners(self, what: str, count: int) -> frozenset[int]:
        """Which of `count` prosumers own it, drawn from the seed: as many as the share says, at least one of them.

        Each kind is drawn by itself, so that another share of one leaves the others where they are.
        """
        share = self.share(what)
        if not share or not count:
            return frozenset()
        random = np.random.default_rng([self.seed, list(USUAL_SHARES).index(what)])
        return frozenset(int(one) for one in random.permutation(count)[: max(1, round(share * count))])

    def chosen(self, count: int) -> list[int]:
        """The positions of the prosumers among `count` places, rising, drawn from the seed."""
        random = np.random.default_rng([self.seed, len(USUAL_SHARES)])
        return sorted(int(one) for one in random.permutation(count)[: self.prosumers])


def wish_faults(wishes: Wishes, *, electric: bool, heat: bool) -> Iterator[Fault]:
    """Wishes that cannot be met, with the networks that there are."""
    if not 1 <= wishes.prosumers <= MOST_PROSUMERS:
        yield _beyond("--prosumers", wishes.prosumers, 1, MOST_PROSUMERS)
    if not REGIONS[0] <= wishes.region <= REGIONS[1]:
        yield _beyond("--region", wishes.region, *REGIONS)
    if not 0 <= wishes.seed < 2**63:
        yield _beyond("--seed", wishes.seed, 0, 2**63 - 1)
    for what, share in wishes.shares:
        if share is None:
            continue
        flag, missing = f"--{what.replace('_', '-')}", "electricity" if what in ELECTRIC else "heat"
        if not 0.0 <= share <= 1.0:
            yield Fault(flag, f"{share:g}", "is no share", "Give a part of the prosumers, from 0 to 1.")
        elif share and not (electric if what in ELECTRIC else heat):
            problem = f"needs a network of {missing}, and none is named"
            yield Fault(flag, f"{share:g}", problem, f"Name one with --{missing}, or leave it out.")


def _beyond(flag: str, value: int, low: int, high: int) -> Fault:
    return Fault(flag, str(value), f"is not within {low} and {high}", "Give a whole number within these.")
