"""What a comparison looks like: in the terminal, and as a page with its pictures."""
