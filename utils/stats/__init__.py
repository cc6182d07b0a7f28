"""Samples to intervals to comparisons, and how often the rule errs."""
