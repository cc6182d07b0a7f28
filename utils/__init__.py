"""Shared code of the companion; the way in is one direction only.

metrics, theory, intervals      what is measured, what theory predicts, how samples become intervals
chains                          how the Gram matrix of a random network moves with depth
data                            real batches to start from
claims (and claims.yml)         what is claimed, how it is judged, how the verdict is shown
plotting                        how figures look
parameters, run, build          declared parameters, one notebook strictly, the whole book

Notebooks import from here; nothing here imports notebooks or the book.
"""
