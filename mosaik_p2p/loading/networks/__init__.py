"""Networks of a scenario, and who stands where in them."""
