package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// serve echoes on the goroutine that polls, and commits in the background what was polled before.
func serve(plan plan) error {
	var once sync.Once
	client, err := kgo.NewClient(append(common(plan),
		kgo.ConsumerGroup(plan.commands+".group"),
		kgo.ConsumeTopics(plan.commands),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(time.Second),
		kgo.AutoCommitInterval(200*time.Millisecond),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			once.Do(func() { fmt.Println("serving") })
		}),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()

	ctx := context.Background()
	reply := make([]byte, plan.replyBytes)
	for {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		fetches.EachRecord(func(command *kgo.Record) {
			record := &kgo.Record{Topic: plan.results, Key: command.Key, Value: reply}
			client.Produce(ctx, record, exitOnError)
		})
	}
}

// common is what both sides are tuned with: kafka-rpc's own settings, as far as franz-go has them.
func common(plan plan) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(plan.brokers...),
		kgo.ClientID("franz-go"),
		// It lingers for 10 ms and compresses by default.
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Each topic has partition 0 only, so there is nothing to choose.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.FetchMinBytes(1),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
	}
}

// exitOnError is a promise for records that nobody waits for.
func exitOnError(_ *kgo.Record, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
