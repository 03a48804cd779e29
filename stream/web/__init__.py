"""Pages in the worker."""
