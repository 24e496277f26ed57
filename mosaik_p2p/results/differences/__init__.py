"""What differs between runs: what they were made from, what they came to, and their tables."""
