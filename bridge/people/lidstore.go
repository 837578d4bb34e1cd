package people

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/transports/kit/database"
)

// LIDs keeps the pairs of LID and phone number of each session. whatsmeow's own map is one for all sessions: it would
// show a session the numbers that another has learned, and keep them when that one is deleted. It is written too, since
// whatsmeow's statements for message secrets and privacy tokens join it.
type LIDs struct {
	db *dbutil.Database

	mu      sync.Mutex
	cache   map[owned]string // user@server -> the other user; empty = not known
	version uint64           // changes with every stored or deleted pair: pairs read before are stale
}

// maxCachedLIDs bounds the cache; the table knows the rest.
const maxCachedLIDs = 50000

// NewLIDs returns the pairs stored in db, which has the tables of the bridge and of whatsmeow.
func NewLIDs(db *dbutil.Database) *LIDs {
	return &LIDs{db: db, cache: make(map[owned]string)}
}

// lidPair is a pair of users without their servers.
type lidPair struct{ lid, pn string }

func (l *LIDs) cachedPair(owner, user, server string) (other string, known bool, version uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	other, known = l.cache[owned{owner, user + "@" + server}]
	return other, known, l.version
}

// rememberOther caches what was read from the table at a version of the cache, unless pairs have changed since.
func (l *LIDs) rememberOther(owner, user, server, other string, version uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.version != version {
		return
	}
	if len(l.cache) > maxCachedLIDs {
		clear(l.cache)
	}
	l.cache[owned{owner, user + "@" + server}] = other
}

// putPair stores pairs that are not known yet, in the order of their LIDs, so that two calls cannot wait for each other.
func (l *LIDs) putPair(ctx context.Context, owner string, pairs []lidPair) error {
	pairs = slices.DeleteFunc(pairs, func(p lidPair) bool {
		pn, _, _ := l.cachedPair(owner, p.lid, types.HiddenUserServer)
		lid, _, _ := l.cachedPair(owner, p.pn, types.DefaultUserServer)
		return pn == p.pn && lid == p.lid
	})
	if len(pairs) == 0 {
		return nil
	}
	slices.SortFunc(pairs, func(a, b lidPair) int { return cmp.Or(cmp.Compare(a.lid, b.lid), cmp.Compare(a.pn, b.pn)) })
	err := database.Transact(ctx, l.db, func(ctx context.Context) error {
		// The halves of a pair are unique, each for itself: of two calls that pair a number with different LIDs at the same
		// moment, PostgreSQL would refuse one. Whatsmeow's map is common to all sessions, and so is the lock.
		if l.db.Dialect == dbutil.Postgres {
			if _, err := l.db.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lids', 0))`); err != nil {
				return err
			}
		}
		for _, p := range pairs {
			for _, statement := range []struct {
				query string
				args  []any
			}{
				{`DELETE FROM bridge_lids WHERE session=$1 AND pn=$3 AND lid<>$2`, []any{owner, p.lid, p.pn}},
				{`INSERT INTO bridge_lids (session, lid, pn) VALUES ($1, $2, $3)
					ON CONFLICT (session, lid) DO UPDATE SET pn=excluded.pn WHERE bridge_lids.pn<>excluded.pn`, []any{owner, p.lid, p.pn}},
				{`DELETE FROM whatsmeow_lid_map WHERE pn=$2 AND lid<>$1`, []any{p.lid, p.pn}},
				{`INSERT INTO whatsmeow_lid_map (lid, pn) VALUES ($1, $2)
					ON CONFLICT (lid) DO UPDATE SET pn=excluded.pn WHERE whatsmeow_lid_map.pn<>excluded.pn`, []any{p.lid, p.pn}},
			} {
				if _, err := l.db.Exec(ctx, statement.query, statement.args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bridge: store phone number pairs: %w", err)
	}
	for _, p := range pairs {
		l.rememberPair(owner, p)
	}
	return nil
}

// rememberPair adds a pair to the cache and removes former pairs of either half.
func (l *LIDs) rememberPair(owner string, p lidPair) {
	lid, pn := owned{owner, p.lid + "@" + types.HiddenUserServer}, owned{owner, p.pn + "@" + types.DefaultUserServer}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.cache) > maxCachedLIDs {
		clear(l.cache)
	}
	if old := l.cache[lid]; old != "" && old != p.pn {
		delete(l.cache, owned{owner, old + "@" + types.DefaultUserServer})
	}
	if old := l.cache[pn]; old != "" && old != p.lid {
		delete(l.cache, owned{owner, old + "@" + types.HiddenUserServer})
	}
	l.cache[lid], l.cache[pn] = p.pn, p.lid
	l.version++
}

// findPair returns the user that is paired with one on a server; empty = the session does not know it.
func (l *LIDs) findPair(ctx context.Context, owner, user, server string) (other string, err error) {
	other, known, version := l.cachedPair(owner, user, server)
	if known {
		return other, nil
	}
	query, shared := `SELECT pn FROM bridge_lids WHERE session=$1 AND lid=$2`, `SELECT pn FROM whatsmeow_lid_map WHERE lid=$1`
	if server == types.DefaultUserServer {
		query, shared = `SELECT lid FROM bridge_lids WHERE session=$1 AND pn=$2`, `SELECT lid FROM whatsmeow_lid_map WHERE pn=$1`
	}
	err = l.db.QueryRow(ctx, query, owner, user).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) && !strings.Contains(owner, OwnerSeparator) { // older than pairs of its own
		err = l.db.QueryRow(ctx, shared, user).Scan(&other)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("bridge: look up a phone number pair: %w", err)
	}
	l.rememberOther(owner, user, server, other, version)
	return other, nil
}

// Purge deletes the pairs of a session, and those of the shared map that no session is left with. While a session is left
// that is older than pairs of its own, the shared map stays.
func (l *LIDs) Purge(ctx context.Context, owner string) error {
	err := database.Transact(ctx, l.db, func(ctx context.Context) error {
		if _, err := l.db.Exec(ctx, `DELETE FROM whatsmeow_lid_map WHERE lid IN (SELECT lid FROM bridge_lids WHERE session=$1)
			AND NOT EXISTS (SELECT 1 FROM bridge_lids WHERE bridge_lids.lid=whatsmeow_lid_map.lid AND session<>$1)
			AND NOT EXISTS (SELECT 1 FROM bridge_sessions WHERE incarnation='')`, owner); err != nil {
			return err
		}
		_, err := l.db.Exec(ctx, `DELETE FROM bridge_lids WHERE session=$1`, owner)
		return err
	})
	if err == nil {
		l.mu.Lock()
		clear(l.cache)
		l.version++
		l.mu.Unlock()
	}
	return err
}

// sessionLIDs is the LID store of one session.
type sessionLIDs struct {
	store *LIDs
	owner string
}

var _ store.LIDStore = (*sessionLIDs)(nil)

// Of returns the LID store of the session whose data has the key owner.
func (l *LIDs) Of(owner string) store.LIDStore { return &sessionLIDs{store: l, owner: owner} }

// PutLIDMapping implements store.LIDStore.
func (s *sessionLIDs) PutLIDMapping(ctx context.Context, lid, pn types.JID) error {
	if lid.Server != types.HiddenUserServer || pn.Server != types.DefaultUserServer {
		return fmt.Errorf("bridge: %s and %s are no pair of LID and phone number", lid.Server, pn.Server)
	}
	return s.store.putPair(ctx, s.owner, []lidPair{{lid.User, pn.User}})
}

// PutManyLIDMappings implements store.LIDStore; it leaves out what is no pair.
func (s *sessionLIDs) PutManyLIDMappings(ctx context.Context, mappings []store.LIDMapping) error {
	pairs := make([]lidPair, 0, len(mappings))
	for _, m := range mappings {
		if m.LID.Server == types.HiddenUserServer && m.PN.Server == types.DefaultUserServer {
			pairs = append(pairs, lidPair{m.LID.User, m.PN.User})
		}
	}
	return s.store.putPair(ctx, s.owner, pairs)
}

// GetPNForLID implements store.LIDStore.
func (s *sessionLIDs) GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error) {
	return s.other(ctx, lid, types.HiddenUserServer, types.DefaultUserServer)
}

// GetLIDForPN implements store.LIDStore.
func (s *sessionLIDs) GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error) {
	return s.other(ctx, pn, types.DefaultUserServer, types.HiddenUserServer)
}

func (s *sessionLIDs) other(ctx context.Context, jid types.JID, from, to string) (types.JID, error) {
	if jid.Server != from {
		return types.EmptyJID, fmt.Errorf("bridge: an address of %s is looked up among those of %s", jid.Server, from)
	}
	user, err := s.store.findPair(ctx, s.owner, jid.User, from)
	if err != nil || user == "" {
		return types.EmptyJID, err
	}
	return types.JID{User: user, Device: jid.Device, Server: to}, nil
}

// GetManyLIDsForPNs implements store.LIDStore.
func (s *sessionLIDs) GetManyLIDsForPNs(ctx context.Context, pns []types.JID) (map[types.JID]types.JID, error) {
	found := make(map[types.JID]types.JID, len(pns))
	for _, pn := range pns {
		if pn.Server != types.DefaultUserServer {
			continue
		}
		lid, err := s.GetLIDForPN(ctx, pn)
		if err != nil {
			return nil, err
		}
		if !lid.IsEmpty() {
			found[pn] = lid
		}
	}
	return found, nil
}
