package peer;

import java.util.Collection;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.messaging.handler.annotation.SendTo;

/** Echoes every command to the topic that its header names, until it is killed. */
@Configuration
@EnableKafka
public class Server {
    private static Plan plan;
    private static byte[] reply;

    public static void main(String[] options) {
        plan = Plan.parse(options);
        reply = new byte[plan.replyBytes()];
        new AnnotationConfigApplicationContext(Server.class).registerShutdownHook();
    }

    @KafkaListener(topics = "#{plan.commands()}", groupId = "#{plan.commands()}.group")
    @SendTo
    public byte[] echo(byte[] command) {
        return reply;
    }

    @Bean
    Plan plan() {
        return plan;
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<byte[], byte[]> kafkaListenerContainerFactory() {
        var factory = new ConcurrentKafkaListenerContainerFactory<byte[], byte[]>();
        factory.setConsumerFactory(Tuning.consumers(plan, Map.of(
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, CooperativeStickyAssignor.class.getName(),
                ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6000,
                ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 1000)));
        factory.setReplyTemplate(new KafkaTemplate<>(Tuning.producers(plan)));
        Tuning.tune(factory.getContainerProperties());
        factory.getContainerProperties().setConsumerRebalanceListener(new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                System.out.println("serving");
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}
        });
        return factory;
    }
}
