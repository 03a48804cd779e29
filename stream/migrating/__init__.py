"""Moving an installation from one log to another: a file to Kafka, or back. Record times, order and state are kept."""
