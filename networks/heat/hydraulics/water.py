"""Water as pandapipes has it: its tables of heat capacity and density, and the heat that a flow carries.

Heat is a difference of enthalpies, the heat capacity integrated over temperature, so that what a flow gives off on its
way is the sum over the parts of the way, and balances close. (The mean heat capacity of both ends times the spread,
which pandapipes reports as `qext_w`, is up to 0.07 % larger over a wide spread.)
"""

from functools import cache

import numpy as np
from pandapipes.properties.fluids import call_lib

from mosaik_p2p.networks.heat.hydraulics.fluid import Lines
from mosaik_p2p.units import FloatArray, kelvin

J_PER_KJ = 1000.0
TABLE_C = np.arange(0.0, 201.0)
"""Temperatures between which enthalpy is interpolated, in degC; water of a heating network stays inside."""
TABLE_K = np.arange(273.0, 474.0)
"""The same in K: the library's own points are whole kelvins, so that lines between these run as its own do."""


@cache
def _water(name: str) -> Lines:
    """A property of the library's water."""
    return Lines(call_lib("water").all_properties[name])


@cache
def _enthalpy_table() -> FloatArray:
    """(len(TABLE_C),) in kJ/kg above 0 degC."""
    cp = cp_kj_per_kg_k(TABLE_C)
    return np.concatenate([[0.0], np.cumsum((cp[1:] + cp[:-1]) / 2.0 * np.diff(TABLE_C))])


def cp_kj_per_kg_k(t_c: FloatArray) -> FloatArray:
    """Heat capacity in kJ/(kg K)."""
    return np.asarray(_water("heat_capacity").at(kelvin(0.0) + t_c), dtype=np.float64) / J_PER_KJ


def mean_cp_kj_per_kg_k(from_c: FloatArray, to_c: FloatArray) -> FloatArray:
    """Mean of the heat capacities at both temperatures in kJ/(kg K), as pandapipes uses it along a pipe."""
    return (cp_kj_per_kg_k(from_c) + cp_kj_per_kg_k(to_c)) / 2.0


def enthalpy_kj_per_kg(t_c: FloatArray) -> FloatArray:
    """Heat content in kJ/kg above water of 0 degC."""
    return np.interp(t_c, TABLE_C, _enthalpy_table())


def heat_kw(mdot_kg_per_s: FloatArray, from_c: FloatArray, to_c: FloatArray) -> FloatArray:
    """Heat that a mass flow gives off on its way from one temperature to the other, in kW."""
    return mdot_kg_per_s * (enthalpy_kj_per_kg(from_c) - enthalpy_kj_per_kg(to_c))


def density_kg_per_m3(t_c: FloatArray) -> FloatArray:
    """Density in kg/m3."""
    return np.asarray(_water("density").at(kelvin(0.0) + t_c), dtype=np.float64)
