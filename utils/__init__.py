"""Shared code of the companion, from the ground up; imports go downwards only (the contract is in ``pyproject.toml``).

files, seeding, fingerprint, provenance   small, used everywhere
metrics, plotting                         what is measured on a batch; how figures look
stats                                     from samples to intervals
theory, chains, networks                  what theory predicts; random networks; networks that train
claims                                    what the book claims, the rule for verdicts, one file per notebook
experiments, protocols                    trials, sweeps, kept results; what notebooks measure again and again
pipeline                                  from notebooks to the book
mutation                                  can the checks fail?
run, build                                the commands

Notebooks import from here; nothing here imports notebooks or the book.
"""
