package peer;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.TopicPartitionOffset;

/** Keeps a number of calls in flight, and prints what it measured. */
public final class Client {
    /** A JVM is slow until it has compiled what runs often; then it spends less than this on it. */
    private static final long WARM_COMPILE_MS_PER_SECOND = 50;

    private static final int WARM_UP_SECONDS_AT_LEAST = 3;
    private static final int WARM_UP_SECONDS_AT_MOST = 15;
    private static final int MANY_IN_FLIGHT = 1024;

    private Client() {}

    public static void main(String[] options) {
        try {
            run(Plan.parse(options));
            // Ends the container's threads too.
            System.exit(0);
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private static void run(Plan plan) throws Exception {
        var template = new ReplyingKafkaTemplate<>(Tuning.producers(plan), replies(plan));
        template.setSharedReplyTopic(true);
        template.afterPropertiesSet();
        template.start();
        if (!template.waitForAssignment(Duration.ofSeconds(30))) {
            throw new IllegalStateException("the partition of the replies isn't assigned");
        }
        measure(plan, template);
    }

    private static KafkaMessageListenerContainer<byte[], byte[]> replies(Plan plan) {
        var consumers = Tuning.consumers(
                plan, Map.of(ConsumerConfig.GROUP_ID_CONFIG, UUID.randomUUID().toString()));
        TopicPartition partition = new TopicPartition(plan.results(), 0);
        long end;
        try (Consumer<byte[], byte[]> consumer = consumers.createConsumer()) {
            end = consumer.endOffsets(List.of(partition)).get(partition);
        }
        var container = new ContainerProperties(new TopicPartitionOffset(plan.results(), 0, end));
        Tuning.tune(container);
        return new KafkaMessageListenerContainer<>(consumers, container);
    }

    private static void measure(Plan plan, ReplyingKafkaTemplate<byte[], byte[], byte[]> template) throws Exception {
        // First with many calls, which is sooner done; then what that compiled is corrected.
        warmUp(plan, template, MANY_IN_FLIGHT);
        warmUp(plan, template, plan.inFlight());

        double client = cpu(ProcessHandle.current().pid());
        double server = cpu(plan.serverPid());
        long from = System.nanoTime();
        long[] latencies = Loop.run(template, plan, plan.inFlight(), plan.seconds());
        double seconds = (System.nanoTime() - from) / 1e9;
        client = cpu(ProcessHandle.current().pid()) - client;
        server = cpu(plan.serverPid()) - server;

        System.out.printf(
                Locale.ROOT,
                "{\"calls\":%d,\"calls_per_second\":%f,\"p50_us\":%f,\"p90_us\":%f,\"p99_us\":%f,"
                        + "\"client_cpu_us_per_call\":%f,\"server_cpu_us_per_call\":%f}%n",
                latencies.length,
                latencies.length / seconds,
                quantile(latencies, 0.5),
                quantile(latencies, 0.9),
                quantile(latencies, 0.99),
                client / latencies.length,
                server / latencies.length);
    }

    /** Both processes, until the compiler of this one rests. */
    private static void warmUp(Plan plan, ReplyingKafkaTemplate<byte[], byte[], byte[]> template, int inFlight)
            throws Exception {
        var compiler = ManagementFactory.getCompilationMXBean();
        for (int second = 1; second <= WARM_UP_SECONDS_AT_MOST; second++) {
            long before = compiler.getTotalCompilationTime();
            Loop.run(template, plan, inFlight, 1);
            long spent = compiler.getTotalCompilationTime() - before;
            if (second >= WARM_UP_SECONDS_AT_LEAST && spent < WARM_COMPILE_MS_PER_SECOND) {
                return;
            }
        }
    }

    private static double quantile(long[] latencies, double share) {
        return latencies[(int) Math.round(share * (latencies.length - 1))] / 1e3;
    }

    /** A process's user and system time so far, in microseconds; not a number where it isn't known. */
    private static double cpu(long pid) {
        return ProcessHandle.of(pid)
                .flatMap(process -> process.info().totalCpuDuration())
                .map(time -> time.toNanos() / 1e3)
                .orElse(Double.NaN);
    }
}
