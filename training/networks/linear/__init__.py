"""Linear models on sparse features of texts."""
