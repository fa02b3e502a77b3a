"""Plain methods that a network is compared with."""
