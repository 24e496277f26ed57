"""What the scenario leaves to chance is drawn here, from its seed, before anything is made from it."""
