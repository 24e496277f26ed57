"""Network cases: tables with their source, the builders that turn them into nets, and the flows computed on them."""
