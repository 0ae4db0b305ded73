package peer;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;

/**
 * Keeps a number of calls in flight for a while: each reply makes the next call, on the thread that
 * got it, so that no thread waits for another.
 */
final class Loop {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final ReplyingKafkaTemplate<byte[], byte[], byte[]> template;
    private final Plan plan;
    private final byte[] command;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private final long until;

    private long[] latencies = new long[1 << 20];
    private int calls;
    private int running;

    private Loop(ReplyingKafkaTemplate<byte[], byte[], byte[]> template, Plan plan, double seconds) {
        this.template = template;
        this.plan = plan;
        this.command = new byte[plan.commandBytes()];
        this.until = System.nanoTime() + (long) (seconds * 1e9);
    }

    /** Returns the latencies of all calls in nanoseconds, sorted. */
    static long[] run(
            ReplyingKafkaTemplate<byte[], byte[], byte[]> template, Plan plan, int inFlight, double seconds)
            throws Exception {
        Loop loop = new Loop(template, plan, seconds);
        loop.running = inFlight;
        for (int call = 0; call < inFlight; call++) {
            loop.call();
        }
        loop.done.get((long) seconds + PATIENCE.toSeconds(), TimeUnit.SECONDS);
        long[] latencies = Arrays.copyOf(loop.latencies, loop.calls);
        Arrays.sort(latencies);
        return latencies;
    }

    private void call() {
        long sent = System.nanoTime();
        template.sendAndReceive(new ProducerRecord<>(plan.commands(), 0, null, command), PATIENCE)
                .whenComplete((reply, error) -> {
                    if (error != null) {
                        done.completeExceptionally(error);
                    } else if (reply.value().length != plan.replyBytes()) {
                        done.completeExceptionally(new IllegalStateException("a reply isn't the one that is due"));
                    } else if (record(sent, System.nanoTime())) {
                        call();
                    }
                });
    }

    /** Counts one call; says whether to make the next. */
    private synchronized boolean record(long sent, long now) {
        if (calls == latencies.length) {
            latencies = Arrays.copyOf(latencies, 2 * calls);
        }
        latencies[calls++] = now - sent;
        if (now < until) {
            return true;
        }
        if (--running == 0) {
            done.complete(null);
        }
        return false;
    }
}
