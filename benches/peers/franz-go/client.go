package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	idBytes  = 16
	patience = 30 * time.Second
)

// caller gives replies to those who wait for them, by the record's key.
type caller struct {
	client   *kgo.Client
	plan     plan
	instance uint64

	mutex   sync.Mutex
	next    uint64
	waiting map[uint64]chan *kgo.Record
}

// call keeps a number of calls in flight, each on a goroutine, and prints what it measured.
func call(plan plan) error {
	ctx := context.Background()
	end, err := endOf(ctx, plan)
	if err != nil {
		return err
	}
	// A number, not the logical end: that is resolved later, and a reply before it would be lost.
	client, err := kgo.NewClient(append(common(plan),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
			plan.results: {0: kgo.NewOffset().At(end)},
		}),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	caller := &caller{
		client:   client,
		plan:     plan,
		instance: rand.Uint64(),
		waiting:  make(map[uint64]chan *kgo.Record, plan.inFlight),
	}
	go caller.listen(ctx)

	// The server may still be joining its group.
	command := make([]byte, plan.commandBytes)
	replies := make(chan *kgo.Record, 1)
	caller.send(ctx, command, replies)
	select {
	case <-replies:
	case <-time.After(patience):
		return errors.New("no reply came")
	}

	watch := newStopwatch(plan)
	var callers sync.WaitGroup
	for at := range plan.inFlight {
		callers.Go(func() {
			replies := make(chan *kgo.Record, 1)
			for {
				sent := time.Now()
				caller.send(ctx, command, replies)
				<-replies
				if !watch.record(at, sent, time.Now()) {
					return
				}
			}
		})
	}
	figures := watch.measure()
	callers.Wait()
	line, err := json.Marshal(figures())
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

func (c *caller) send(ctx context.Context, command []byte, replies chan *kgo.Record) {
	c.mutex.Lock()
	call := c.next
	c.next++
	c.waiting[call] = replies
	c.mutex.Unlock()
	id := make([]byte, 0, idBytes)
	id = binary.BigEndian.AppendUint64(id, c.instance)
	id = binary.BigEndian.AppendUint64(id, call)
	record := &kgo.Record{Topic: c.plan.commands, Key: id, Value: command}
	c.client.Produce(ctx, record, exitOnError)
}

func (c *caller) listen(ctx context.Context) {
	for {
		fetches := c.client.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		for _, failed := range fetches.Errors() {
			exitOnError(nil, failed.Err)
		}
		// One lock for all replies of a fetch; no channel blocks, each has room for its only reply.
		c.mutex.Lock()
		fetches.EachRecord(c.answer)
		c.mutex.Unlock()
	}
}

func (c *caller) answer(reply *kgo.Record) {
	if len(reply.Key) != idBytes || binary.BigEndian.Uint64(reply.Key) != c.instance {
		return
	}
	call := binary.BigEndian.Uint64(reply.Key[8:])
	replies, waits := c.waiting[call]
	if !waits || len(reply.Value) != c.plan.replyBytes {
		fmt.Fprintln(os.Stderr, "a reply isn't one that is due")
		os.Exit(1)
	}
	delete(c.waiting, call)
	replies <- reply
}

// endOf is the offset of the next reply.
func endOf(ctx context.Context, plan plan) (int64, error) {
	client, err := kgo.NewClient(common(plan)...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, plan.results)
	if err != nil {
		return 0, err
	}
	end, known := ends.Lookup(plan.results, 0)
	if !known {
		return 0, fmt.Errorf("%s has no partition 0", plan.results)
	}
	return end.Offset, end.Err
}
