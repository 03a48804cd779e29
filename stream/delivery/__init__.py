"""Hot-account alerts: which tier changes reach whom, how they are told, and what became of each delivery."""
