"""What becomes of a user's electric network file."""
