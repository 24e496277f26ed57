"""Markets over many intervals: rolling and day-ahead, from the case to tables."""
