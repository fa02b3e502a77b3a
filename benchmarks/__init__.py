"""Benchmarks of Thalamus, the in-process limit and its peers. Not part of the distribution."""
