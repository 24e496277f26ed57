from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT
from mosaik_p2p.units import CARRIERS, ELECTRICITY

ELECTRIC = CARRIERS.index(ELECTRICITY)


class FeedInCap(Design):
    """Everyone trades freely and sells at most so much electricity to the utility, whatever the networks carry."""

    negotiates = True

    most_kw: Annotated[float, Field(ge=0.0)] = 5.0
    """What one member may feed in over its contract, kW."""

    def clear(self, task: Task) -> Cleared:
        """See Design."""
        raw, problem = (
            replace(market, models=tuple(self._capped(model) for model in market.models))
            for market in (task.raw, task.problem)
        )
        return Cleared(task.clear(problem, task.start), raw, problem)

    def _capped(self, model: ProsumerModel) -> ProsumerModel:
        upper = model.upper.copy()
        for k, variable in enumerate(model.variables):
            # What a contract takes away from the member's electricity is what it feeds in.
            if variable.type == CONTRACT and (model.balance[ELECTRIC, k] < 0.0).any():
                upper[k] = np.minimum(upper[k], self.most_kw)
        return replace(model, upper=upper)
