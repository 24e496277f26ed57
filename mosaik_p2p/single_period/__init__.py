"""Plain markets: agents with quadratic costs and limits, pairs with charges, one interval of an hour.

    minimise    sum over assets a/2 p^2 + b p  +  sum over pairs (charge_i + charge_j) |f_ij|
    subject to  p_min <= p <= p_max,   an agent's assets together = sum_j f_ij,   f_ij + f_ji = 0

Stands on the market's network step alone: no scenario, no co-simulation.
"""
