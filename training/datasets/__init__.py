"""The public data sets that recipes train and measure on."""
