package main

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	warmUp = time.Second
	// Of the kernel's clock that counts CPU time; 100 on every platform that Go and Linux share.
	ticksPerSecond = 100
)

type figures struct {
	Calls            int     `json:"calls"`
	CallsPerSecond   float64 `json:"calls_per_second"`
	P50              float64 `json:"p50_us"`
	P90              float64 `json:"p90_us"`
	P99              float64 `json:"p99_us"`
	ClientCPUPerCall float64 `json:"client_cpu_us_per_call"`
	ServerCPUPerCall float64 `json:"server_cpu_us_per_call"`
}

// stopwatch collects the latencies of calls that end within the measured time.
type stopwatch struct {
	serverPID int
	from      time.Time
	until     time.Time
	// One for each caller, so that they don't contend.
	latencies [][]time.Duration
}

func newStopwatch(plan plan) *stopwatch {
	from := time.Now().Add(warmUp)
	watch := &stopwatch{
		serverPID: plan.serverPID,
		from:      from,
		until:     from.Add(plan.measured),
		latencies: make([][]time.Duration, plan.inFlight),
	}
	for at := range watch.latencies {
		watch.latencies[at] = make([]time.Duration, 0, (1<<20)/plan.inFlight)
	}
	return watch
}

// record counts one call of a caller; it says whether to go on.
func (w *stopwatch) record(caller int, sent, now time.Time) bool {
	if now.After(w.until) {
		return false
	}
	if now.After(w.from) {
		w.latencies[caller] = append(w.latencies[caller], now.Sub(sent))
	}
	return true
}

// measure waits for the end of the measured time, and returns what gives the figures once all
// callers are done.
func (w *stopwatch) measure() func() figures {
	time.Sleep(time.Until(w.from))
	client, server := cpu(os.Getpid()), cpu(w.serverPID)
	time.Sleep(time.Until(w.until))
	client, server = cpu(os.Getpid())-client, cpu(w.serverPID)-server
	return func() figures {
		all := slices.Concat(w.latencies...)
		slices.Sort(all)
		quantile := func(share float64) float64 {
			if len(all) == 0 {
				return 0
			}
			at := int(math.Round(share * float64(len(all)-1)))
			return float64(all[at]) / float64(time.Microsecond)
		}
		calls := float64(len(all))
		return figures{
			Calls:            len(all),
			CallsPerSecond:   calls / w.until.Sub(w.from).Seconds(),
			P50:              quantile(0.5),
			P90:              quantile(0.9),
			P99:              quantile(0.99),
			ClientCPUPerCall: float64(client.Microseconds()) / calls,
			ServerCPUPerCall: float64(server.Microseconds()) / calls,
		}
	}
}

// cpu is a process's user and system time so far, nothing where there is no /proc.
func cpu(pid int) time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The command stands in parentheses and may contain anything.
	_, tail, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(tail)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}
