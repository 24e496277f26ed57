"""How an interval is cleared: the market designs, one file each, and what they may ask the networks beforehand."""
