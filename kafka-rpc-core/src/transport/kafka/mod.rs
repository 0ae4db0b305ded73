//! Apache Kafka through librdkafka: the only module that names it, and the only one that makes threads.
