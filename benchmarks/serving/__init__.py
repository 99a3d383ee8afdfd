"""Cadenza's server beside others, on the same model, machine and client."""
