"""Apache Kafka on this machine, for the tests and for a person: `Cluster` in `ops.kafka.cluster`, `make kafka`."""
