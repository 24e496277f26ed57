"""Which of the forms clears a market: `pair_form` (bilateral), `tree_form` (network) or `partner_form` (partners)."""

from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.network_step.bilateral import PairForm
from mosaik_p2p.market.network_step.partner_graph import PartnerForm
from mosaik_p2p.market.network_step.radial import TreeForm
from mosaik_p2p.market.problem import MarketProblem


def choose_form(problem: MarketProblem, form: str) -> Form:
    """The form asked for; `auto` takes the network wherever charges are lengths of paths on a tree and any two may
    trade without a term of their own, and the graph of partners elsewhere.

    Raises ValueError where the network form is asked for and a network has loops or pair charges.
    """
    trees = tuple(charges.tree for charges in problem.charges)
    radial = tuple(tree for tree in trees if tree is not None)
    alike = len(radial) == len(trees) and not any(charges.pair_specific for charges in problem.charges)
    if form in ("auto", "network") and alike:
        return TreeForm(problem, radial)
    if form == "network":
        raise ValueError(
            "market.form = network needs path charges on radial networks, and neither restricted partners nor terms of "
            "single pairs (reputation, preferences); use form = partners"
        )
    return PairForm(problem) if form == "bilateral" else PartnerForm(problem)
