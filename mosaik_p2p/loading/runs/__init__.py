"""What a run is made from, what it says of itself, and where its results go."""
