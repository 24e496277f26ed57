"""Mass flows from which the heat flow starts: near its solution, found without a pipe flow."""
