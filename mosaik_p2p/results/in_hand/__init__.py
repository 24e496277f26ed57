"""The results of one run, or of many, as data frames."""
