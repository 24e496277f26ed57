"""Many runs of one scenario that differ in some keys: planned, run, gone on with, and put into one table."""
