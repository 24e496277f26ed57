"""Limited quantities of the networks, a row each (`base`): checks, limit rows, violations and the verdict.

Pure, no network library. `registry` knows all of them, those of others too; everything else iterates over it.
"""
