"""Thin loops around the core: a batch in, everything that must be durable out."""
