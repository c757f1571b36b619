// The client of an etcd cluster: etcd's own, with one connection, to the leader.
// See bench/raft_peers/etcd.py.
//
// "leads" waits for a leader that all members follow and answers its place among the endpoints;
// "measure IN_FLIGHT SECONDS" answers how long it ran and the latency of each write.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	keyBytes   = 16
	valueBytes = 64
	startLimit = 30 * time.Second
	askLimit   = time.Second
	writeLimit = 10 * time.Second // beyond the time of measuring
)

// Client has a connection to each member, and writes through that to the leader.
type Client struct {
	endpoints []string
	members   []*clientv3.Client
	number    atomic.Uint64
}

func connect(endpoints []string) (*Client, error) {
	client := &Client{endpoints: endpoints}
	for _, endpoint := range endpoints {
		member, err := clientv3.New(clientv3.Config{
			Endpoints: []string{endpoint}, Logger: zap.NewNop(),
		})
		if err != nil {
			return nil, err
		}
		client.members = append(client.members, member)
	}
	return client, nil
}

// leader returns the place of the leader; ok says that all members agree on it.
func (c *Client) leader() (place int, ok bool) {
	place = -1
	leaders := map[uint64]bool{}
	for index, member := range c.members {
		ctx, cancel := context.WithTimeout(context.Background(), askLimit)
		status, err := member.Status(ctx, c.endpoints[index])
		cancel()
		if err != nil || status.Leader == 0 {
			return -1, false
		}
		leaders[status.Leader] = true
		if status.Leader == status.Header.MemberId {
			place = index
		}
	}
	return place, place >= 0 && len(leaders) == 1
}

func (c *Client) awaitLeader() (int, error) {
	for began := time.Now(); time.Since(began) < startLimit; time.Sleep(20 * time.Millisecond) {
		if place, ok := c.leader(); ok {
			return place, nil
		}
	}
	return -1, fmt.Errorf("etcd: no leader that all members follow")
}

func (c *Client) measure(inFlight int, length time.Duration) (string, error) {
	place, err := c.awaitLeader()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), length+writeLimit)
	defer cancel()
	latencies := make([][]time.Duration, inFlight)
	failures := make([]error, inFlight)
	var workers sync.WaitGroup
	began := time.Now()
	for worker := range inFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			latencies[worker], failures[worker] = c.write(ctx, c.members[place], began.Add(length))
		}()
	}
	workers.Wait()
	elapsed := time.Since(began)
	for _, failure := range failures {
		if failure != nil {
			return "", failure
		}
	}
	return line(elapsed, latencies), nil
}

// write has one request open at a time until the time is over.
func (c *Client) write(
	ctx context.Context, member *clientv3.Client, until time.Time,
) (latencies []time.Duration, err error) {
	value := strings.Repeat("v", valueBytes)
	for began := time.Now(); began.Before(until); {
		key := fmt.Sprintf("%0*d", keyBytes, c.number.Add(1))
		if _, err := member.Put(ctx, key, value); err != nil {
			return nil, err
		}
		now := time.Now()
		latencies = append(latencies, now.Sub(began))
		began = now
	}
	return latencies, nil
}

func line(elapsed time.Duration, latencies [][]time.Duration) string {
	words := []string{fmt.Sprintf("%.6f", elapsed.Seconds())}
	for _, ofWorker := range latencies {
		for _, latency := range ofWorker {
			words = append(words, fmt.Sprintf("%.6f", latency.Seconds()))
		}
	}
	return strings.Join(words, " ")
}

func (c *Client) answer(words []string) (string, error) {
	switch {
	case len(words) == 1 && words[0] == "leads":
		place, err := c.awaitLeader()
		return strconv.Itoa(place), err
	case len(words) == 3 && words[0] == "measure":
		inFlight, err := strconv.Atoi(words[1])
		if err != nil {
			return "", err
		}
		seconds, err := strconv.ParseFloat(words[2], 64)
		if err != nil {
			return "", err
		}
		return c.measure(inFlight, time.Duration(seconds*float64(time.Second)))
	}
	return "", fmt.Errorf("etcd: no such command: %q", words)
}

func main() {
	log.SetFlags(0)
	client, err := connect(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := client.answer(strings.Fields(lines.Text()))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer)
	}
}
