"""Texts for language models: specification, encoder, word tokenizer."""
