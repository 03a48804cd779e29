"""The demo: the real worker on a fresh log, fed with a market, watched as it goes."""
