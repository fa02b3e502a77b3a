"""Networks for sounds: their filter banks and backbones."""
