package peer;

/** What a server or a client is told on its command line. */
public record Plan(
        String brokers,
        String commands,
        String results,
        int commandBytes,
        int replyBytes,
        int inFlight,
        double seconds,
        long serverPid) {

    static Plan parse(String[] options) {
        if (options.length != 8) {
            throw new IllegalArgumentException("8 options are expected, not " + options.length);
        }
        return new Plan(
                options[0],
                options[1],
                options[2],
                Integer.parseInt(options[3]),
                Integer.parseInt(options[4]),
                Integer.parseInt(options[5]),
                Double.parseDouble(options[6]),
                Long.parseLong(options[7]));
    }
}
