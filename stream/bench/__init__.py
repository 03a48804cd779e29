"""Measuring an installation: a load like a market's, poured in at once, and every result checked."""
