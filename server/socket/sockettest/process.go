package sockettest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// dialAtOnce is the number of connections made concurrently at the beginning.
const dialAtOnce = 64

// Main runs the process of the clients and then does not return; no-op in any other process.
func Main() {
	raw := os.Getenv(env)
	if raw == "" {
		return
	}
	p := &process{}
	err := json.Unmarshal([]byte(raw), &p.options)
	if err == nil {
		err = p.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

type process struct {
	options Options
	clients []*client

	got     atomic.Int64 // messages
	goal    atomic.Int64 // number of messages from which reach has a token
	reach   chan struct{}
	awaited int64          // messages already waited for
	counts  sync.WaitGroup // counting goroutines
}

func (p *process) run() error {
	p.reach = make(chan struct{}, 1)
	p.goal.Store(1 << 62)
	if err := p.connectAll(dialAtOnce, 0); err != nil {
		return err
	}
	fmt.Println("ok")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := p.runCommand(lines.Text()); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		fmt.Println("ok")
	}
	return lines.Err()
}

func (p *process) runCommand(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "await":
		var n int64
		if _, err := fmt.Sscan(rest, &n); err != nil {
			return err
		}
		p.awaitMessages(n)
		return nil
	case "call":
		var n, inFlight int
		if _, err := fmt.Sscan(rest, &n, &inFlight); err != nil {
			return err
		}
		return p.callFirst(n, inFlight)
	case "redial":
		parts := strings.SplitN(rest, " ", 3)
		var atOnce, messages int
		if _, err := fmt.Sscan(parts[0]+" "+parts[1], &atOnce, &messages); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(parts[2]), &p.options.Greeting); err != nil {
			return err
		}
		return p.redialAll(atOnce, messages)
	}
	return fmt.Errorf("unknown")
}

// connectAll makes all connections and waits for so many messages on each.
func (p *process) connectAll(atOnce, messages int) error {
	p.clients = make([]*client, p.options.Sockets)
	places := make(chan struct{}, atOnce)
	problems := make(chan error, 1)
	var wg sync.WaitGroup
	for i := range p.clients {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			c, err := dialClient(&p.options)
			if err == nil {
				p.clients[i] = c
				_, err = c.skipMessages(messages)
			}
			if err != nil {
				select {
				case problems <- err:
				default:
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-problems:
		return err
	default:
	}
	for _, c := range p.clients {
		p.counts.Go(func() {
			for {
				n, err := c.skipMessages(1)
				if p.got.Add(int64(n)) >= p.goal.Load() {
					select {
					case p.reach <- struct{}{}:
					default: // a token waits already
					}
				}
				if err != nil {
					return
				}
			}
		})
	}
	return nil
}

// awaitMessages returns when n more messages have come than at its last return.
func (p *process) awaitMessages(n int64) {
	goal := p.awaited + n
	p.goal.Store(goal)
	for p.got.Load() < goal {
		<-p.reach
	}
	p.awaited = goal
}

// callFirst keeps requests in flight on the first connection. Half of them are sent anew at a time.
func (p *process) callFirst(n, inFlight int) error {
	frame := appendFrame(nil, p.options.Call)
	step := max(inFlight/2, 1)
	for sent, answered := 0, 0; answered < n; {
		for sent < n && sent-answered+step <= inFlight {
			if _, err := p.clients[0].Write(bytes.Repeat(frame, step)); err != nil {
				return err
			}
			sent += step
		}
		p.awaitMessages(int64(step))
		answered += step
	}
	return nil
}

// redialAll ends all connections and makes new ones.
func (p *process) redialAll(atOnce, messages int) error {
	for _, c := range p.clients {
		_ = c.Close()
	}
	p.counts.Wait()
	p.awaited = p.got.Load()
	return p.connectAll(atOnce, messages)
}
