// Command franz-go is a round trip over Kafka written by hand with franz-go.
//
//	franz-go server|client brokers commands results command_bytes reply_bytes in_flight seconds server_pid
//
// Both topics have one partition. The server runs until it is killed; the client prints one line
// of JSON with what it measured.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type plan struct {
	brokers      []string
	commands     string
	results      string
	commandBytes int
	replyBytes   int
	inFlight     int
	measured     time.Duration
	serverPID    int
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("server or client?")
	}
	plan, err := parse(words[1:])
	if err != nil {
		return err
	}
	switch words[0] {
	case "server":
		return serve(plan)
	case "client":
		return call(plan)
	}
	return fmt.Errorf("%s is neither server nor client", words[0])
}

func parse(words []string) (plan, error) {
	if len(words) != 8 {
		return plan{}, fmt.Errorf("8 options are expected, not %d", len(words))
	}
	var numbers [4]int
	for at, word := range []string{words[3], words[4], words[5], words[7]} {
		number, err := strconv.Atoi(word)
		if err != nil {
			return plan{}, err
		}
		numbers[at] = number
	}
	seconds, err := strconv.ParseFloat(words[6], 64)
	if err != nil {
		return plan{}, err
	}
	return plan{
		brokers:      strings.Split(words[0], ","),
		commands:     words[1],
		results:      words[2],
		commandBytes: numbers[0],
		replyBytes:   numbers[1],
		inFlight:     numbers[2],
		measured:     time.Duration(seconds * float64(time.Second)),
		serverPID:    numbers[3],
	}, nil
}
