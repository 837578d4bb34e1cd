package outlets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// pool are the open connections. All that have the same settings share one.
type pool struct {
	mu      sync.Mutex
	byKey   map[string]*shared
	closing map[*shared]bool  // unused connections that are closing
	past    map[string]Totals // of connections that were closed, by transport
}

// shared is a connection and how many use it.
type shared struct {
	Connection
	transport string
	key       string // identifies the settings, and the breaker; reveals none of the settings
	users     int
}

// Totals are the figures of all connections of a transport.
type Totals struct {
	Open, Connected                          int // connections there are, and those whose broker answered last
	Published, Failed, Truncated, Unroutable uint64
}

func (t *Totals) addFigures(c Connection) {
	f := c.Figures()
	t.Published += f.Published
	t.Failed += f.Failed
	t.Truncated += f.Truncated
	t.Unroutable += f.Unroutable
}

// sumFigures adds up the figures of connections that are or were, by transport.
func (p *pool) sumFigures() map[string]Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := maps.Clone(p.past)
	if list == nil {
		list = map[string]Totals{}
	}
	for c := range p.closing {
		t := list[c.transport]
		t.addFigures(c)
		list[c.transport] = t
	}
	for _, c := range p.byKey {
		t := list[c.transport]
		t.addFigures(c)
		t.Open++
		if c.Figures().Connected {
			t.Connected++
		}
		list[c.transport] = t
	}
	return list
}

// acquire opens a connection or finds the one that is open. The error is refusal.Problems.
func (p *pool) acquire(transport string, kind *Kind, s *Settings, access Access) (*shared, error) {
	text, err := json.Marshal(struct {
		Transport, URL string
		Options        map[string]json.RawMessage
		Operator       bool
	}{transport, s.URL, s.Options, access.Operator})
	if err != nil {
		return nil, fmt.Errorf("outlets: %w", err)
	}
	sum := sha256.Sum256(text)
	key := hex.EncodeToString(sum[:16])
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.byKey[key]
	if c == nil {
		conn, err := kind.openConnection(s, access)
		if err != nil {
			return nil, err
		}
		c = &shared{Connection: conn, transport: transport, key: key}
		p.byKey[key] = c
	}
	c.users++
	return c, nil
}

// release closes an unused connection, and waits for its running requests.
func (p *pool) release(c *shared) error {
	if c == nil {
		return nil
	}
	p.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		delete(p.byKey, c.key)
		if p.closing == nil {
			p.closing, p.past = map[*shared]bool{}, map[string]Totals{}
		}
		p.closing[c] = true
	}
	p.mu.Unlock()
	if !last {
		return nil
	}
	err := c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.closing, c)
	t := p.past[c.transport]
	t.addFigures(c)
	p.past[c.transport] = t
	return err
}
