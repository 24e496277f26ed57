"""The money of a run, and of the same days lived otherwise."""
