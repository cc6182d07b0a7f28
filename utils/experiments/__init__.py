"""What the notebooks run: protocols, trials of SGD, sweeps, kept results, benchmarks."""
