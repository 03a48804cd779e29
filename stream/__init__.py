"""Tierline: signals in, tier changes out."""
