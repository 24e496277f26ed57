"""Series of a scenario on the market's intervals, and the clock that they go by."""
