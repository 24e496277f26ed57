"""Result quantities: what follows, interval by interval, from what a run has stored."""
