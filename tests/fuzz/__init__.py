"""A fuzzer: mutated input through every door of the program, judged by what the answer means.

Each surface draws an input from a seed and a number, tries it and says what it found; `python tests/fuzz --help` runs
them by hand. What the oracles hold the program to stands in `judge_input.py`, `judge_market.py` and `judge_folder.py`.
"""
