"""What figures share: their look, their clock, and curves that hold over an interval."""
