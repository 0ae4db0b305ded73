package peer;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.listener.ContainerProperties;

/** What both sides are tuned with: kafka-rpc's own settings, as far as the Java clients have them. */
final class Tuning {
    private static final long COMMIT_INTERVAL_MS = 200;

    private Tuning() {}

    static ProducerFactory<byte[], byte[]> producers(Plan plan) {
        return new DefaultKafkaProducerFactory<>(Map.of(
                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, plan.brokers(),
                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class,
                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class,
                // It is 5 by default.
                ProducerConfig.LINGER_MS_CONFIG, 0,
                ProducerConfig.ACKS_CONFIG, "all",
                ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
                ProducerConfig.BATCH_SIZE_CONFIG, 1 << 18));
    }

    static DefaultKafkaConsumerFactory<byte[], byte[]> consumers(Plan plan, Map<String, Object> own) {
        Map<String, Object> config = new HashMap<>(Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, plan.brokers(),
                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false,
                ConsumerConfig.FETCH_MIN_BYTES_CONFIG, 1,
                ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100,
                // As many as can be in flight; it is 500 by default.
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5000));
        config.putAll(own);
        return new DefaultKafkaConsumerFactory<>(config);
    }

    /** By default it commits after each poll, and waits for the answer. */
    static void tune(ContainerProperties container) {
        container.setAckMode(ContainerProperties.AckMode.TIME);
        container.setAckTime(COMMIT_INTERVAL_MS);
        container.setSyncCommits(false);
    }
}
