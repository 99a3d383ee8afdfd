"""How good are samples? Each score stands beside what real data score against real data."""
