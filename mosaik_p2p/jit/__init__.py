"""How loops are compiled, where their machine code is kept, and the threads that share them."""
