"""Several processes behind one port: the supervisor, its workers, and what they may use."""
