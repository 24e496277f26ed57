"""The result tables: every column with its unit, sign and meaning."""
