"""Heat networks: what they are, their flow, and how it answers to heat fed in.."""
