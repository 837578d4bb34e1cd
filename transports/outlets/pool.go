package outlets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
)

// pool are the open connections. All that have the same settings share one.
type pool struct {
	mu    sync.Mutex
	byKey map[string]*shared
}

// shared is a connection and how many use it.
type shared struct {
	Connection
	key   string // names it, and its breaker; tells nothing of the settings
	users int
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
		conn, err := kind.open(s, access)
		if err != nil {
			return nil, err
		}
		c = &shared{Connection: conn, key: key}
		p.byKey[key] = c
	}
	c.users++
	return c, nil
}

// release closes a connection that nobody uses any more, and waits for what is under way on it.
func (p *pool) release(c *shared) error {
	if c == nil {
		return nil
	}
	p.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		delete(p.byKey, c.key)
	}
	p.mu.Unlock()
	if !last {
		return nil
	}
	return c.Close()
}
