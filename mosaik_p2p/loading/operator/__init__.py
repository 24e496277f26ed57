"""The networks of a loaded case, asked by the market before anything is dispatched."""
