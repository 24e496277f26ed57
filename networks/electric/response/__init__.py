"""How an electric network answers to injections."""
