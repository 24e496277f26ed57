"""Charges out of a file: square by prosumer and by place, of both directions, and for entering and leaving."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from charge_views import view_at
from mosaik_p2p.charges.base import ChargeParts, NetworkView
from mosaik_p2p.charges.kinds.table import TableCharge
from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.units import FloatArray

pytestmark = pytest.mark.once

FEEDER = electric_case("bus15")
AT = {str(name): int(bus) for bus, name in FEEDER.net.bus["name"].items()}
SYMMETRIC = "prosumer,P0,P1,P2\nP0,,0.1,0.5\nP1,0.1,,0.2\nP2,0.5,0.2,"

Laid = Callable[[str], NetworkView]


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    def lay(text: str) -> NetworkView:
        (tmp_path / "charges.csv").write_text(text)
        return view_at(FEEDER, [AT["13"], AT["5"], AT["7"], None], tmp_path)

    return lay


def table(**keys: object) -> TableCharge:
    return TableCharge.model_validate({"mechanism": "table", "file": "charges.csv", **keys})


def parts(view: NetworkView, **keys: object) -> ChargeParts:
    assert not [*table(**keys).faults(view)]
    return table(**keys).parts(view)


def directed(given: ChargeParts) -> FloatArray:
    """What a kWh sold by the row to the column costs both ends together, in the first interval."""
    place = given.place[0]
    return np.asarray(given.pair.total) + place[:, None] - place[None, :]


def test_by_prosumer_and_by_place_say_the_same(laid: Laid) -> None:
    by_name = np.asarray(parts(laid(SYMMETRIC)).pair.total)
    assert by_name[0].tolist() == [0.0, 0.1, 0.5, 0.0]
    text = "place,13,5,7,1\n13,0,0.1,0.5,9\n5,0.1,0,0.2,9\n7,0.5,0.2,0,9\n1,9,9,9,0"
    np.testing.assert_array_equal(np.asarray(parts(laid(text)).pair.total), by_name)
    doubled = parts(laid(text), payer="both").pair
    np.testing.assert_array_equal(np.asarray(doubled.total), 2 * by_name)


def test_a_closed_table_pays_no_more_than_a_chain(laid: Laid) -> None:
    closed = np.asarray(parts(laid(SYMMETRIC), closed=True).pair.total)
    assert closed[0].tolist() == pytest.approx([0.0, 0.1, 0.3, 0.0])


def test_directions_are_split_into_pairs_and_places(laid: Laid) -> None:
    place, pair = np.array([0.3, 0.1, -0.2]), np.array([[0.0, 0.1, 0.5], [0.1, 0.0, 0.2], [0.5, 0.2, 0.0]])
    stated = pair + place[:, None] - place[None, :]
    rows = [",".join([f"P{n}", *map(repr, row)]) for n, row in enumerate(stated.tolist())]
    view = laid("\n".join(["prosumer,P0,P1,P2", *rows]))
    found = directed(parts(view, directed=True))
    np.testing.assert_allclose(found[:3, :3], stated, atol=1e-12)
    assert stated.min() < 0.0
    (fault,) = table().faults(view)
    assert "directed = true" in fault.remedy


def test_a_circle_that_earns_is_refused_with_its_names(laid: Laid) -> None:
    view = laid("prosumer,P0,P1,P2\nP0,0,0.1,-0.02\nP1,-0.03,0,0.05\nP2,-0.1,-0.01,0")
    (fault,) = table(directed=True).faults(view)
    assert (fault.place, fault.value) == ("file", "'charges.csv'")
    assert "0.12" in fault.problem
    assert "'P0'" in fault.problem
    assert "'P2'" in fault.problem


def test_entry_and_exit_are_paid_where_a_kwh_enters_and_leaves(laid: Laid) -> None:
    entry, leave = np.array([0.1, 0.02, 0.0]), np.array([0.03, 0.05, 0.07])
    rows = [f"P{n},{e!r},{m!r}" for n, (e, m) in enumerate(zip(entry.tolist(), leave.tolist(), strict=True))]
    given = parts(laid("\n".join(["prosumer,entry,exit", *rows])))
    expected = entry[:, None] + leave[None, :]
    apart = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(directed(given)[:3, :3][apart], expected[apart], atol=1e-12)
    assert given.pair.tree is not None
    assert directed(given)[3, 3] == 0.0
    assert given.place.shape == (2, 4)


REFUSED = {
    "no such file": (None, "file"),
    "first column": ("name,P0\nP0,1", "is the first column"),
    "a row is missing": ("prosumer,P0,P1\nP0,0,1\nP1,1,0", "has no row"),
    "a stranger": (SYMMETRIC.replace("P2", "P9"), "is no prosumer of the scenario"),
    "not square": ("prosumer,P0,P1\nP0,0,1\nP1,1,0\nP2,1,1", "and no column"),
    "no row of a column": ("prosumer,P0,P1,P2\nP0,0,1,1\nP1,1,0,1", "and no row"),
    "twice": (SYMMETRIC + "\nP2,0.5,0.2,", "more than one row"),
    "no number": (SYMMETRIC.replace("0.5", "x"), "is no charge"),
    "an empty cell": (SYMMETRIC.replace("0.5", ""), "is no charge"),
    "infinite": (SYMMETRIC.replace("0.5", "1e999"), "is no charge"),
    "negative": (SYMMETRIC.replace("0.5", "-0.5"), "is negative"),
    "another one back": (SYMMETRIC.replace("0.5,0.2", "0.6,0.2"), "is another one back"),
    "an unknown place": ("place,13,5,7,99\n13,0,1,1,1\n5,1,0,1,1\n7,1,1,0,1\n99,1,1,1,0", "is no place"),
    "ends that earn": ("prosumer,entry,exit\nP0,0.1,-0.2\nP1,0,0\nP2,0,0", "is negative"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_file_gets_wrong_is_told(case: str, laid: Laid) -> None:
    text, problem = REFUSED[case]
    view = laid(SYMMETRIC if text is None else text)
    faults = [*table(**({"file": "none.csv"} if text is None else {})).faults(view)]
    assert faults
    assert all(isinstance(fault, Fault) and fault.place.startswith("file") for fault in faults)
    assert text is None or any(problem in fault.problem for fault in faults)
