package people

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// Keys gives each person one key per session that does not change: not when the
// phone number of a LID becomes known later, nor the LID of a number. The key
// is the first address the person was seen under, the LID where both were
// known then. When two addresses turn out to be one person after both have
// got a key, the older key stays and an Alias event says which one is over.
type Keys struct {
	db *dbutil.Database

	mu      sync.Mutex
	cache   map[owned]string // address -> key
	version uint64           // changes when keys are joined or deleted: keys read before are stale
}

// OwnerSeparator stands between the id and the incarnation of a session in the key of its data; session ids cannot contain it.
const OwnerSeparator = "~"

// owned is an address as the session with a key of its data knows it.
type owned struct{ owner, address string }

// maxCachedKeys bounds the cache; the table knows the rest.
const maxCachedKeys = 20000

// NewKeys returns the contact keys stored in db, which has the tables of the bridge.
func NewKeys(db *dbutil.Database) *Keys {
	return &Keys{db: db, cache: make(map[owned]string)}
}

// Alias states that two keys are of one person.
type Alias struct {
	Key      string // stays
	Replaced string // is over
}

// Join is an alias with the person it is about.
type Join struct {
	Person wa.Person
	Alias  *Alias
}

// Key returns the key of a person and, when this very call joined two keys, the
// alias that has to be announced. Both halves of p may be empty; then the key
// is too.
func (c *Keys) Key(ctx context.Context, owner string, p wa.Person) (string, *Alias, error) {
	keys, joined, err := c.Keys(ctx, owner, []wa.Person{p})
	if err != nil {
		return "", nil, err
	}
	if len(joined) > 0 {
		return keys[0], joined[0].Alias, nil
	}
	return keys[0], nil, nil
}

// Keys returns the keys of people, in their order, and the aliases that have
// to be announced. Keys that are not cached are read, or made, in one
// transaction; on PostgreSQL those of one session take turns, since a join
// writes the rows of any address that has the key that is over.
func (c *Keys) Keys(ctx context.Context, owner string, people []wa.Person) (keys []string, joined []Join, err error) {
	keys = make([]string, len(people))
	missing, version := c.cachedKeys(owner, people, keys)
	if len(missing) == 0 {
		return keys, nil, nil
	}
	err = database.Transact(ctx, c.db, func(ctx context.Context) error {
		joined = nil
		if c.db.Dialect == dbutil.Postgres {
			if _, err := c.db.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "contacts "+owner); err != nil {
				return err
			}
		}
		for _, i := range missing {
			pn, lid := pairHalves(people[i])
			key, join, err := c.settleKeys(ctx, owner, pn, lid)
			if err != nil {
				return err
			}
			keys[i] = key
			if join != nil {
				joined = append(joined, Join{people[i], join})
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("bridge: contact key: %w", err)
	}
	if len(joined) > 0 { // a key that was read before the join may be over
		if joinedAt := c.forgetKeys(); joinedAt == version+1 {
			version = joinedAt
		}
	}
	for _, i := range missing {
		pn, lid := pairHalves(people[i])
		for _, j := range joined {
			if keys[i] == j.Alias.Replaced {
				keys[i] = j.Alias.Key
			}
		}
		c.rememberKeys(owner, keys[i], version, pn, lid)
	}
	return keys, joined, nil
}

// cachedKeys fills in the cached keys and returns the indexes of the others, with the version under which their keys are read.
func (c *Keys) cachedKeys(owner string, people []wa.Person, keys []string) (missing []int, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range people {
		pn, lid := pairHalves(p)
		switch key := c.cache[owned{owner, pn}]; {
		case pn == "":
		case key != "" && key == c.cache[owned{owner, lid}]:
			keys[i] = key
		default:
			missing = append(missing, i)
		}
	}
	return missing, c.version
}

// pairHalves returns both addresses of a person as text; one that is not known repeats the other.
func pairHalves(p wa.Person) (pn, lid string) {
	pn, lid = wa.AddressString(p.PN), wa.AddressString(p.LID)
	switch {
	case pn == "":
		pn = lid
	case lid == "":
		lid = pn
	}
	return pn, lid
}

// settleKeys reads, makes or joins the keys of one person. It needs a transaction.
func (c *Keys) settleKeys(ctx context.Context, owner, pn, lid string) (key string, joined *Alias, err error) {
	err = database.Transact(ctx, c.db, func(ctx context.Context) error {
		key, joined = "", nil
		now := time.Now().UnixMilli()
		if !strings.Contains(owner, OwnerSeparator) { // older than keys of its own
			if _, err := c.db.Exec(ctx, `
				INSERT INTO bridge_contacts (session, jid, contact_key, created_at)
				SELECT CAST($1 AS TEXT), jid, contact_key, created_at FROM bridge_contact_keys WHERE jid IN ($2, $3) ORDER BY jid
				ON CONFLICT (session, jid) DO NOTHING`, owner, pn, lid); err != nil {
				return err
			}
		}
		// Insert first: it decides between two that see the person at the same moment.
		if _, err := c.db.Exec(ctx, `
			INSERT INTO bridge_contacts (session, jid, contact_key, created_at)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), COALESCE((SELECT contact_key FROM bridge_contacts WHERE session=$1 AND jid=$3), $2), CAST($4 AS BIGINT)
			WHERE true
			ON CONFLICT (session, jid) DO NOTHING`, owner, lid, pn, now); err != nil {
			return err
		}
		if pn == lid {
			return c.db.QueryRow(ctx, `SELECT contact_key FROM bridge_contacts WHERE session=$1 AND jid=$2`, owner, lid).Scan(&key)
		}
		if _, err := c.db.Exec(ctx, `
			INSERT INTO bridge_contacts (session, jid, contact_key, created_at)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), contact_key, CAST($4 AS BIGINT) FROM bridge_contacts WHERE session=$1 AND jid=$3
			ON CONFLICT (session, jid) DO NOTHING`, owner, pn, lid, now); err != nil {
			return err
		}
		var lidKey, pnKey string
		var lidAt, pnAt int64
		const query = `SELECT contact_key, created_at FROM bridge_contacts WHERE session=$1 AND jid=$2`
		if err := c.db.QueryRow(ctx, query, owner, lid).Scan(&lidKey, &lidAt); err != nil {
			return err
		}
		if err := c.db.QueryRow(ctx, query, owner, pn).Scan(&pnKey, &pnAt); err != nil {
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
		joined = &Alias{Key: key, Replaced: over}
		_, err := c.db.Exec(ctx, `UPDATE bridge_contacts SET contact_key=$2 WHERE session=$1 AND contact_key=$3`, owner, key, over)
		return err
	})
	return key, joined, err
}

// forgetKeys empties the cache and returns its new version: a join of two keys changes the key of other addresses too.
func (c *Keys) forgetKeys() (version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.cache)
	c.version++
	return c.version
}

// Purge deletes the keys of a session.
func (c *Keys) Purge(ctx context.Context, owner string) error {
	err := database.Transact(ctx, c.db, func(ctx context.Context) error {
		if c.db.Dialect == dbutil.Postgres { // the turn of Keys: it reads back the rows that it has stored
			if _, err := c.db.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "contacts "+owner); err != nil {
				return err
			}
		}
		_, err := c.db.Exec(ctx, `DELETE FROM bridge_contacts WHERE session=$1`, owner)
		return err
	})
	if err == nil {
		c.forgetKeys()
	}
	return err
}

// rememberKeys caches a key that was read at a version of the cache, unless keys were joined since.
func (c *Keys) rememberKeys(owner, key string, version uint64, addresses ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return
	}
	if len(c.cache) > maxCachedKeys {
		clear(c.cache)
	}
	for _, address := range addresses {
		c.cache[owned{owner, address}] = key
	}
}
