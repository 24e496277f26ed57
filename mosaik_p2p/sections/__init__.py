"""What a table of a scenario file is: closed, with plain units, known names and plausible ranges."""
