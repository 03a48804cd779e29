"""The behaviour every transport of ours must have, and the embedded log beneath one of them."""
