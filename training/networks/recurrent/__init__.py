"""Recurrent networks and bags of n-grams for texts."""
