"""What is kept of a power flow for the next one: a start next to its solution, and the rest of its work."""
