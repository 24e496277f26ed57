"""Figures of the market: dispatch, trades, prices, negotiation."""
