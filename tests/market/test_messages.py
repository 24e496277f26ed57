"""What leaves a prosumer: counted by the form of the market, and entered into the table `clearing`."""

from dataclasses import replace

import numpy as np
import pytest

from markets import random_market
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.designs.base import Effort
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.network_step.messages import numbers_told, told_in_all
from mosaik_p2p.market.over_time.tables import clearing_table
from mosaik_p2p.market.problem import Settings

HORIZON = 6


@pytest.fixture
def market():
    return with_imbalance_priced(random_market(5, seed=3, horizon=HORIZON))


def test_one_number_per_carrier_and_interval_or_one_per_partner(market) -> None:
    members = market.member.sum(axis=1)
    assert (numbers_told(market, "network", HORIZON) == HORIZON * market.member.sum(axis=0)).all()
    assert (numbers_told(market, "partners", HORIZON) == numbers_told(market, "network", HORIZON)).all()
    partners = (market.member * (members - 1)[:, None]).sum(axis=0)
    assert (numbers_told(market, "bilateral", HORIZON) == HORIZON * partners).all()
    assert told_in_all(market, "bilateral", HORIZON) == HORIZON * int((members * (members - 1)).sum())


def test_who_may_not_trade_with_everyone_says_less(market) -> None:
    one_pair = np.zeros((5, 5), dtype=bool)
    one_pair[0, 1] = one_pair[1, 0] = True
    paired = replace(market, charges=tuple(charges.with_partners(one_pair) for charges in market.charges))
    both = market.member[:, :2].all(axis=1).sum()
    assert numbers_told(paired, "bilateral", HORIZON).tolist() == [HORIZON * both, HORIZON * both, 0, 0, 0]


def test_where_nobody_has_a_partner_nothing_is_said() -> None:
    nobody = np.zeros((5, 5), dtype=bool)
    raw = random_market(5, seed=3, horizon=HORIZON)
    alone = with_imbalance_priced(replace(raw, charges=tuple(one.with_partners(nobody) for one in raw.charges)))
    cleared = clear(alone, Settings(form="partners"))
    row = clearing_table(alone, cleared)
    assert (row["exchanges"], row["sent_bytes"]) == ([0], [0])


@pytest.mark.parametrize("form", ["bilateral", "network"])
def test_the_table_counts_exchanges_and_bytes(market, form: str) -> None:
    cleared = clear(market, Settings(form=form))
    row = clearing_table(market, cleared)
    assert row["exchanges"] == [cleared.iterations]
    assert row["sent_bytes"] == [8 * cleared.iterations * int(numbers_told(market, form, HORIZON).sum())]
    assert row["further_clearings"] == [0]
    again = clearing_table(market, cleared, Effort(rounds=2, exchanges=7))
    assert (again["exchanges"], again["further_clearings"]) == ([7], [2])
    assert again["sent_bytes"] == [8 * 7 * told_in_all(market, form, HORIZON)]
