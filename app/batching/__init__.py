"""Items → batches: when a batch runs, which items share it, and how their arrays are joined."""
