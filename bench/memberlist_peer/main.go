// Members of HashiCorp memberlist in one process, driven by lines on stdin: the counterpart of
// bench/gossip_members.py, command for command.  See bench/gossip.py.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	timeout     = 60 * time.Second
	updateLimit = 3 * time.Second
	rejoin      = 3 * time.Second
	packetBytes = 1200 // ours
	updateBytes = 96   // about what one of our records takes
	keyBytes    = 32
)

// Members are all of them, and for whom the command that runs still waits.
type Members struct {
	members map[string]*Member
	updates uint64

	lock     sync.Mutex
	waitsFor map[string]bool
	what     string
	last     time.Time
	allHeard chan struct{}
}

// Member is one memberlist with its delegates.
type Member struct {
	name   string
	all    *Members
	list   *memberlist.Memberlist
	gone   atomic.Bool // it neither hears nor says anything
	queue  *memberlist.TransmitLimitedQueue
	sent   atomic.Int64
	lock   sync.Mutex
	newest uint64
}

func newMember(name, ip string, port int, all *Members) (*Member, error) {
	member := &Member{name: name, all: all}
	logger := log.New(io.Discard, "", 0)
	inner, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{ip}, BindPort: port, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	config := memberlist.DefaultLANConfig()
	config.Name = name
	config.BindAddr, config.BindPort = ip, port
	config.AdvertiseAddr, config.AdvertisePort = ip, port
	config.UDPBufferSize = packetBytes
	config.SecretKey = []byte(strings.Repeat("k", keyBytes))
	config.Logger = logger
	config.Transport = newCountingTransport(inner, &member.sent, &member.gone)
	config.Delegate = member
	config.Events = member
	member.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: config.RetransmitMult}
	ready := make(chan struct{})
	member.queue.NumNodes = func() int { <-ready; return member.list.NumMembers() }
	member.list, err = memberlist.Create(config)
	close(ready)
	return member, err
}

// publish queues an update; who hears it first queues it again, as Serf does with its events.
func (m *Member) publish(number uint64) {
	body := make([]byte, updateBytes)
	binary.BigEndian.PutUint64(body, number)
	m.queue.QueueBroadcast(&update{body})
}

func (m *Member) NodeMeta(int) []byte { return nil }

func (m *Member) NotifyMsg(body []byte) {
	number := binary.BigEndian.Uint64(body)
	m.lock.Lock()
	isNews := number > m.newest
	m.newest = max(m.newest, number)
	m.lock.Unlock()
	if isNews {
		m.publish(number)
		m.all.onHeard(m.name, updateText(number))
	}
}

func (m *Member) GetBroadcasts(overhead, limit int) [][]byte {
	return m.queue.GetBroadcasts(overhead, limit)
}

func (m *Member) LocalState(bool) []byte { return nil }

func (m *Member) MergeRemoteState([]byte, bool) {}

func (m *Member) NotifyJoin(*memberlist.Node) {}

func (m *Member) NotifyUpdate(*memberlist.Node) {}

// NotifyLeave is told of the dead and of those who left; here nobody leaves.
func (m *Member) NotifyLeave(node *memberlist.Node) { m.all.onHeard(m.name, node.Name) }

// update is the one subject of all broadcasts: a new one replaces the one before.
type update struct{ body []byte }

func (u *update) Invalidates(memberlist.Broadcast) bool { return true }
func (u *update) Message() []byte                       { return u.body }
func (u *update) Finished()                             {}

func updateText(number uint64) string { return fmt.Sprintf("update-%d", number) }

// countingTransport counts the payload that leaves by UDP and by TCP.  Once the member is gone,
// nothing leaves and nothing arrives, and connections to it stay without an answer.
type countingTransport struct {
	*memberlist.NetTransport
	sent    *atomic.Int64
	gone    *atomic.Bool
	packets chan *memberlist.Packet
	streams chan net.Conn
}

func newCountingTransport(
	inner *memberlist.NetTransport, sent *atomic.Int64, gone *atomic.Bool,
) *countingTransport {
	transport := &countingTransport{
		inner, sent, gone, make(chan *memberlist.Packet), make(chan net.Conn),
	}
	go func() {
		for conn := range inner.StreamCh() {
			if !gone.Load() {
				transport.streams <- &countingConn{conn, sent}
			}
		}
	}()
	go func() {
		for packet := range inner.PacketCh() {
			if !gone.Load() {
				transport.packets <- packet
			}
		}
	}()
	return transport
}

func (t *countingTransport) PacketCh() <-chan *memberlist.Packet { return t.packets }

func (t *countingTransport) WriteTo(body []byte, to string) (time.Time, error) {
	if t.gone.Load() {
		return time.Now(), nil
	}
	t.sent.Add(int64(len(body)))
	return t.NetTransport.WriteTo(body, to)
}

func (t *countingTransport) WriteToAddress(
	body []byte, to memberlist.Address,
) (time.Time, error) {
	if t.gone.Load() {
		return time.Now(), nil
	}
	t.sent.Add(int64(len(body)))
	return t.NetTransport.WriteToAddress(body, to)
}

func (t *countingTransport) DialTimeout(to string, limit time.Duration) (net.Conn, error) {
	if t.gone.Load() {
		return nil, net.ErrClosed
	}
	conn, err := t.NetTransport.DialTimeout(to, limit)
	if err != nil {
		return nil, err
	}
	return &countingConn{conn, t.sent}, nil
}

func (t *countingTransport) DialAddressTimeout(
	to memberlist.Address, limit time.Duration,
) (net.Conn, error) {
	if t.gone.Load() {
		return nil, net.ErrClosed
	}
	conn, err := t.NetTransport.DialAddressTimeout(to, limit)
	if err != nil {
		return nil, err
	}
	return &countingConn{conn, t.sent}, nil
}

func (t *countingTransport) StreamCh() <-chan net.Conn { return t.streams }

type countingConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c *countingConn) Write(body []byte) (int, error) {
	count, err := c.Conn.Write(body)
	c.sent.Add(int64(count))
	return count, err
}

func (a *Members) start(network string, port, count int) (string, error) {
	began := time.Now()
	seed := fmt.Sprintf("%s.1:%d", network, port)
	for index := range count {
		name := nameOf(index)
		member, err := newMember(name, fmt.Sprintf("%s.%d", network, index+1), port, a)
		if err != nil {
			return "", err
		}
		a.members[name] = member
		if index > 0 {
			if _, err := member.list.Join([]string{seed}); err != nil {
				return "", err
			}
		}
	}
	joinAgain := began.Add(rejoin)
	for {
		incomplete := a.incomplete()
		switch {
		case len(incomplete) == 0:
			return seconds(time.Since(began)), nil
		case time.Since(began) > timeout:
			return "", fmt.Errorf("not all members joined")
		case time.Now().After(joinAgain):
			// News of a newcomer can miss a member; the next whole exchange is a minute away.
			joinAgain = joinAgain.Add(rejoin)
			for _, member := range incomplete {
				if _, err := member.list.Join([]string{seed}); err != nil {
					return "", err
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (a *Members) incomplete() (found []*Member) {
	for _, member := range a.members {
		if member.list.NumMembers() < len(a.members) {
			found = append(found, member)
		}
	}
	return found
}

func (a *Members) update(index int) (string, error) {
	a.updates++
	member := a.members[nameOf(index)]
	began, allHeard := a.waitFor(updateText(a.updates), member.name)
	member.lock.Lock()
	member.newest = a.updates
	member.lock.Unlock()
	member.publish(a.updates)
	took, err := a.secondsSince(began, allHeard, updateLimit)
	if err != nil {
		return seconds(updateLimit), nil // some member was told by nobody
	}
	return took, nil
}

// kill ends a member: its host refuses connections from then on.
func (a *Members) kill(index int) (string, error) {
	return a.lose(index, func(member *Member) error { return member.list.Shutdown() })
}

// vanish silences a member, as if its host had lost power.
func (a *Members) vanish(index int) (string, error) {
	return a.lose(index, func(member *Member) error { member.gone.Store(true); return nil })
}

func (a *Members) lose(index int, end func(*Member) error) (string, error) {
	member := a.members[nameOf(index)]
	delete(a.members, member.name)
	began, allHeard := a.waitFor(member.name, member.name)
	if err := end(member); err != nil {
		return "", err
	}
	return a.secondsSince(began, allHeard, timeout)
}

func (a *Members) idle(length time.Duration) (string, error) {
	began, cpu, sent := time.Now(), cpuTime(), a.bytesOut()
	time.Sleep(length)
	took := time.Since(began).Seconds() * float64(len(a.members))
	sent, cpu = a.bytesOut()-sent, cpuTime()-cpu
	return fmt.Sprintf("%.6f %.8f", float64(sent)/took, cpu.Seconds()/took), nil
}

func (a *Members) bytesOut() int64 {
	var sum int64
	for _, member := range a.members {
		sum += member.sent.Load()
	}
	return sum
}

func (a *Members) waitFor(what, but string) (time.Time, chan struct{}) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.what, a.waitsFor, a.allHeard = what, map[string]bool{}, make(chan struct{})
	for name := range a.members {
		if name != but {
			a.waitsFor[name] = true
		}
	}
	return time.Now(), a.allHeard
}

func (a *Members) onHeard(name, what string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if what != a.what || !a.waitsFor[name] {
		return
	}
	delete(a.waitsFor, name)
	if len(a.waitsFor) == 0 {
		a.last = time.Now()
		close(a.allHeard)
	}
}

func (a *Members) secondsSince(
	began time.Time, allHeard chan struct{}, limit time.Duration,
) (string, error) {
	select {
	case <-allHeard:
		a.lock.Lock()
		defer a.lock.Unlock()
		return seconds(a.last.Sub(began)), nil
	case <-time.After(limit):
		return "", fmt.Errorf("not all members heard of %s", a.what)
	}
}

func (a *Members) answer(words []string, network string, port, count int) (string, error) {
	if len(words) == 1 && words[0] == "start" {
		return a.start(network, port, count)
	}
	if len(words) != 2 {
		return "", io.EOF
	}
	number, err := strconv.Atoi(words[1])
	if err != nil {
		return "", err
	}
	switch words[0] {
	case "update":
		return a.update(number)
	case "kill":
		return a.kill(number)
	case "vanish":
		return a.vanish(number)
	case "idle":
		return a.idle(time.Duration(number) * time.Second)
	}
	return "", io.EOF
}

func nameOf(index int) string { return fmt.Sprintf("member-%d", index) }

func seconds(length time.Duration) string { return fmt.Sprintf("%.6f", length.Seconds()) }

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: memberlist_peer NETWORK PORT COUNT")
	}
	port, portErr := strconv.Atoi(os.Args[2])
	count, countErr := strconv.Atoi(os.Args[3])
	if portErr != nil || countErr != nil {
		log.Fatal("PORT and COUNT are numbers")
	}
	all := &Members{members: map[string]*Member{}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := all.answer(strings.Fields(lines.Text()), os.Args[1], port, count)
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer)
	}
}
