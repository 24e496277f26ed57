"""What becomes of a user's heat network file."""
