"""Networks for sounds: their front ends and backbones."""
