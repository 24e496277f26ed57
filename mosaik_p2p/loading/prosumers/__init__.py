"""Prosumers of a scenario, built from profiles, houses and tariffs."""
