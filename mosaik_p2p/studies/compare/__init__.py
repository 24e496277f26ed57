"""Market designs and charges side by side on one scenario: which keeps the networks within limits at the least cost?

One ordinary run per row, each as `mosaik-p2p run` makes it; what is said of all of them follows from their folders.
"""
