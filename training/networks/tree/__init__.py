"""Tree-LSTMs: recursive networks over trees."""
