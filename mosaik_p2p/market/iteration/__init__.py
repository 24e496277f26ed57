"""How a clearing is iterated, whatever the algorithm: what it sees of a market, and when it ends.."""
