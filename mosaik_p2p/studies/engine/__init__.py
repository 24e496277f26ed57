"""How many runs are run: one after the other, several at once in processes of their own, or on a Dask cluster."""
