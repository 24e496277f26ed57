"""A market split into who takes part: what one prosumer computes by itself (`prosumer_side`), and what the network's
side computes out of the answers alone (`network_side`). Between the two go prices and net sales; see docs/agents.md."""
