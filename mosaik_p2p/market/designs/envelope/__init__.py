"""Operating envelopes: their boxes, the questions to the networks behind them, and the meters that hold them."""
