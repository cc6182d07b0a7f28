"""Shared code of the companion; the way in is one direction only.

metrics, theory, intervals      what is measured, what theory predicts, how samples become intervals
seeds, data                     random streams with names, real batches to start from
chains                          how the Gram matrix of a random network moves with depth
claims (and claims.yml), cards  what is claimed and how it is judged, how a verdict looks
plotting                        how figures look
sweeps, files                   grids of cells, here or on a cluster; files that are complete or not there
parameters, digest, gate, run   declared parameters, what a run depends on, what bars a notebook, one notebook strictly
ledger, build                   every verdict collected and checked, the whole book
alone, live                     a notebook on its own, what the published book's buttons open
bench                           how fast the sampler is

Notebooks import from here; nothing here imports notebooks or the book.
"""
