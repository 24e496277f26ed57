"""HiGHS on a Pyomo model, told when to stop."""

import pyomo.environ as pyo

MOST_ITERATIONS, MOST_PER_PART = 10_000, 100
"""Of its solver for quadratic programmes, which has no limit of its own and can go round in circles; the second for
each variable and constraint, of which it takes one or two iterations."""


def solved_by_highs(model: pyo.ConcreteModel) -> pyo.TerminationCondition:
    """Solve it and load its solution; how that ended. Raises RuntimeError or ValueError where there is none to load."""
    parts = sum(1 for _ in model.component_data_objects((pyo.Var, pyo.Constraint)))
    limit = max(MOST_ITERATIONS, MOST_PER_PART * parts)
    result = pyo.SolverFactory("highs").solve(model, solver_options={"qp_iteration_limit": limit})
    return result.solver.termination_condition
