"""What a run is judged by: limits, deadlines, unserved energy, the district."""
