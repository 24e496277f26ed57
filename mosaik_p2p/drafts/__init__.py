"""A first scenario from networks of one's own: small, runnable, and with a comment wherever a value was assumed."""
