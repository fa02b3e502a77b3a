"""Labelled files in, bundles out. Offline; imports of `app` only the contract."""
