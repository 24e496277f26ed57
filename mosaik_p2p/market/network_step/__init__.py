"""The network's side of the market: how trades and charges are agreed on, form by form."""
