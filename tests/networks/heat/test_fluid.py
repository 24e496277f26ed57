"""Properties of the fluid that are found quickly are those of the library, to the last digit."""

import numpy as np
import pytest
from pandapipes.properties.fluids import FluidPropertyInterExtra, call_lib

from mosaik_p2p.networks.heat.hydraulics.fluid import Lines, quick_properties

TABLES = ("density", "viscosity", "heat_capacity")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_gives_what_the_library_gives(name: str) -> None:
    """Between the points, at them, beyond both ends, and of what is no number."""
    own = call_lib("water").all_properties[name]
    x = own.prop_getter.x
    between = np.random.default_rng(5).uniform(x[0] - 30.0, x[-1] + 30.0, 500)
    where = np.concatenate([between, x, np.nextafter(x, 0.0), np.nextafter(x, 1e3), [np.nan, np.inf]])
    with np.errstate(invalid="ignore"):
        expected, quick = own.get_at_value(where), Lines(own)
        for _ in range(2):
            np.testing.assert_array_equal(quick.get_at_value(where), expected)
        np.testing.assert_array_equal(quick.get_at_value(where.reshape(2, -1)), expected.reshape(2, -1))
    assert quick.get_at_value(300.0) == own.get_at_value(300.0)


def test_what_is_written_to_a_value_changes_no_other() -> None:
    quick, where = Lines(call_lib("water").all_properties["density"]), np.array([300.0, 340.0])
    before = quick.get_at_value(where)
    before[:] = 0.0
    assert (quick.get_at_value(where) > 900.0).all()


def test_only_tables_that_go_on_beyond_their_ends_are_replaced_and_only_meanwhile() -> None:
    """A property of a file that ends with its points is an error of the library's beyond them: it stays one."""
    fluid = call_lib("water")
    fluid.add_property("ends", FluidPropertyInterExtra([280.0, 360.0], [1.0, 2.0], method="interpolate"))
    theirs = dict(fluid.all_properties)
    with quick_properties(fluid):
        replaced = {name for name, own in fluid.all_properties.items() if own is not theirs[name]}
        assert replaced == set(TABLES)
        with pytest.raises(ValueError, match="above the interpolation range"):
            fluid.get_property("ends", np.array([400.0]))
    assert fluid.all_properties == theirs
