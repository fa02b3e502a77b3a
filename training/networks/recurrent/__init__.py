"""Recurrent networks for texts, and their bags of n-grams."""
