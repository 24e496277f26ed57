"""What charge mechanisms measure on a network: zones, impedances, differences of a value."""
