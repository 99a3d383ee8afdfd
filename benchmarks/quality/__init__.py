"""The table of sample quality: data × methods × seeds, peers beside, every figure with its floor."""
