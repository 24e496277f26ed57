"""The same market by other roads: central models that judge, or stand in for, the iteration."""
