"""`python -m mosaik_p2p` is the command `mosaik-p2p`."""

from mosaik_p2p.cli import main

main()
