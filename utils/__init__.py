"""Shared code of the companion; the way in is one direction only.

metrics, theory              what is measured, what theory predicts
chains, activated, roots     how the Gram matrix of a random network moves with depth: linear, with an activation, by what
gradients                    how gradients move back through such a network
networks, layers, convnets   what a trainable network is, what it is made of
inits                        how weights are drawn or computed before training
seeds, data                  random streams with names, real batches to start from
training, trials             SGD and what is watched while it runs, one trial as a cell of a grid
sweeps, comparison           grids of cells, here or on a cluster; what a table of them says
evidence                     results too long for every build, kept with where they came from
intervals, claims (.yml)     how samples become intervals, what is claimed and how it is judged
items (.yml)                 what the paper consists of and which claims judge it
cards, plotting              how a verdict looks, how figures look
calibration, sabotage (.yml) how often the rule for verdicts errs, whether checks fail when something is broken
breakage, replay             what things are broken with, the part of a notebook that is run then
parameters, gate, run        declared parameters, what bars a notebook, one notebook strictly
digest, files                what a run depends on; files that are complete or not there
ledger, pages, colophon      every verdict collected and checked, what pages show of them, how this copy was made
build, agreement             the whole book; how far two builds agree
alone, live                  a notebook on its own, what the published book's buttons open
bench, bench_sgd             how fast the sampler and the training are

Notebooks import from here; nothing here imports notebooks or the book.
"""
