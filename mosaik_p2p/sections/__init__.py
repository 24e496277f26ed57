"""What a table of a scenario file is: its base, names, ranges and prices, and the series and times that it is about."""
