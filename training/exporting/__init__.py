"""A trained network → a graph, proved equal → a published bundle."""
