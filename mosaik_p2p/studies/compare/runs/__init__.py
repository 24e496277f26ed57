"""The rows of a comparison: what they are asked for by, and how they are run."""
