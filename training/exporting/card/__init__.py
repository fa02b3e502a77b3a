"""The model card of a bundle: written by every run, and anew by `thalamus-train card`."""
