"""Figures of the money: of prosumers, of the operator, and what limits cost."""
