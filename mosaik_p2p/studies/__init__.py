"""Studies: questions that take many runs of a scenario, or many clearings of its market, to answer."""
