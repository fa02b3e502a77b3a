"""What every classifier gives beside its logits: features, attribution, novelty."""
