"""The YC directory: dated snapshots and the field changes between them, as facts and signals."""
