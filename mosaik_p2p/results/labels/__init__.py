"""How numbers and names are written for people."""
