"""Electric networks: what they are, their power flow, and how it answers to injections.."""
