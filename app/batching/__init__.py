"""Items → batches: when a batch starts, which items share it, and how their arrays are joined."""
