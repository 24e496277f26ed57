"""The prosumers' side of the market: everyone's own problem, its dispatch and its bound."""
