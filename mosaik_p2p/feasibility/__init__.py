"""Whether the networks carry what the market cleared: limits, violations and the verdict. Pure, no network library."""
