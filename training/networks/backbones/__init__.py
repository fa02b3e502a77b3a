"""Networks whose weights somebody else trained."""
