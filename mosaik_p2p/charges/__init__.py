"""Network utilization charges: what each end of a trade pays per kWh, by where the two ends stand."""
