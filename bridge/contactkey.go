package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/types"
)

// contactKeys gives each person one key that does not change: not when the
// phone number of a LID becomes known later, nor the LID of a number. The key
// is the first address the person was seen under, the LID where both were
// known then. When two addresses turn out to be one person after both have
// got a key, the older key stays and an Alias event says which one is over.
type contactKeys struct {
	db *dbutil.Database

	mu    sync.Mutex
	cache map[string]string // address -> key
}

// maxCachedKeys bounds the cache; the table knows the rest.
const maxCachedKeys = 20000

func newContactKeys(db *dbutil.Database) *contactKeys {
	return &contactKeys{db: db, cache: make(map[string]string)}
}

// alias tells that two keys meant one person.
type alias struct {
	Key      string // stays
	Replaced string // is over
}

// of returns the key of a person and, when this very call joined two keys, the
// alias that has to be announced. Both halves of p may be empty; then the key
// is too.
func (c *contactKeys) of(ctx context.Context, p person) (string, *alias, error) {
	pn, lid := addressString(p.pn), addressString(p.lid)
	switch {
	case pn == "" && lid == "":
		return "", nil, nil
	case pn == "":
		pn = lid
	case lid == "":
		lid = pn
	}
	c.mu.Lock()
	keyOfPN, keyOfLID := c.cache[pn], c.cache[lid]
	c.mu.Unlock()
	if keyOfPN != "" && keyOfPN == keyOfLID {
		return keyOfPN, nil, nil
	}
	key, joined, err := c.settle(ctx, pn, lid)
	if err != nil {
		return "", nil, fmt.Errorf("bridge: contact key: %w", err)
	}
	c.remember(key, pn, lid)
	return key, joined, nil
}

func addressString(jid types.JID) string {
	if jid.IsEmpty() {
		return ""
	}
	return jid.ToNonAD().String()
}

// settle reads, makes or joins keys in one transaction.
func (c *contactKeys) settle(ctx context.Context, pn, lid string) (key string, joined *alias, err error) {
	err = c.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		key, joined = "", nil
		now := time.Now().UnixMilli()
		// Insert first: it decides between two that see the person at the same moment.
		if _, err := c.db.Exec(ctx, `
			INSERT INTO bridge_contact_keys (jid, contact_key, created_at)
			SELECT CAST($1 AS TEXT), COALESCE((SELECT contact_key FROM bridge_contact_keys WHERE jid=$2), $1), CAST($3 AS BIGINT)
			WHERE true
			ON CONFLICT (jid) DO NOTHING`, lid, pn, now); err != nil {
			return err
		}
		if pn == lid {
			return c.db.QueryRow(ctx, `SELECT contact_key FROM bridge_contact_keys WHERE jid=$1`, lid).Scan(&key)
		}
		if _, err := c.db.Exec(ctx, `
			INSERT INTO bridge_contact_keys (jid, contact_key, created_at)
			SELECT CAST($1 AS TEXT), contact_key, CAST($3 AS BIGINT) FROM bridge_contact_keys WHERE jid=$2
			ON CONFLICT (jid) DO NOTHING`, pn, lid, now); err != nil {
			return err
		}
		var lidKey, pnKey string
		var lidAt, pnAt int64
		const query = `SELECT contact_key, created_at FROM bridge_contact_keys WHERE jid=$1`
		if err := c.db.QueryRow(ctx, query, lid).Scan(&lidKey, &lidAt); err != nil {
			return err
		}
		if err := c.db.QueryRow(ctx, query, pn).Scan(&pnKey, &pnAt); err != nil {
			return err
		}
		key = lidKey
		if lidKey == pnKey {
			return nil
		}
		over := pnKey
		if pnAt < lidAt {
			key, over = pnKey, lidKey
		}
		joined = &alias{Key: key, Replaced: over}
		_, err := c.db.Exec(ctx, `UPDATE bridge_contact_keys SET contact_key=$1 WHERE contact_key=$2`, key, over)
		return err
	})
	return key, joined, err
}

func (c *contactKeys) remember(key string, addresses ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cache) > maxCachedKeys {
		clear(c.cache)
	}
	for _, address := range addresses {
		c.cache[address] = key
	}
}
