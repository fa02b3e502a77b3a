"""What a network is held against: baselines, other starts, other splits."""
