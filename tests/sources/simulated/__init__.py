"""The simulated market keeps its promises."""
