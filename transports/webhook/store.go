package webhook

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// store persists the webhooks, and caches the active ones.
type store struct {
	db    *dbutil.Database
	cfg   *Config
	vault *sealer

	changeLock chan struct{} // contains one element while a call changes webhooks

	mu     sync.RWMutex
	active map[Key]*Webhook // values are replaced, never modified
	global *Webhook         // the operator's, like active; nil = none
}

func openStore(ctx context.Context, db *dbutil.Database, cfg *Config) (*store, error) {
	vault, err := newSealer(cfg.Key, cfg.PreviousKeys)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "webhook", files)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if err = vault.vault.Reseal(ctx, owned, sealedColumns()...); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	s := &store{db: owned, cfg: cfg, vault: vault, changeLock: make(chan struct{}, 1), active: map[Key]*Webhook{}}
	all, err := s.read(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		s.updateActive(w)
	}
	return s, nil
}

// lockChanges acquires the lock for changes.
func (s *store) lockChanges(ctx context.Context) error {
	if ctx.Err() == nil { // if both are ready, select picks either
		select {
		case s.changeLock <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("webhook: waiting to write: %w", ctx.Err())
}

func (s *store) unlockChanges() { <-s.changeLock }

// updateActive adds an active webhook to the cache and removes an inactive one.
func (s *store) updateActive(w *Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.isActive() {
		s.active[w.Key] = w.clone().ready()
	} else {
		delete(s.active, w.Key)
	}
}

// lookupActive returns an active webhook, or nil. It must not be changed.
func (s *store) lookupActive(key Key) *Webhook {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if key == globalKey {
		return s.global
	}
	return s.active[key]
}

// list returns the webhooks of a session, the default one first, the others in the order of creation.
func (s *store) list(ctx context.Context, session string) ([]*Webhook, error) {
	list, err := s.read(ctx, session)
	if err != nil {
		return nil, err
	}
	return withDefault(session, list), nil
}

// withDefault puts an empty default webhook before a session's others if it was never set.
func withDefault(session string, list []*Webhook) []*Webhook {
	if len(list) == 0 || list[0].ID != DefaultID {
		list = append([]*Webhook{emptyDefault(session)}, list...)
	}
	return list
}

// get returns one webhook; the default one always exists.
func (s *store) get(ctx context.Context, key Key) (*Webhook, error) {
	w, err := s.readOne(ctx, key)
	if err == nil && w == nil {
		if key.ID != DefaultID {
			return nil, ErrNotFound
		}
		w = emptyDefault(key.Session)
	}
	return w, err
}

// create adds a webhook with a new id. The caller holds the change lock, as for all changes.
func (s *store) create(ctx context.Context, session string, c *Change, badURL string) (*Webhook, error) {
	now := s.now()
	w := &Webhook{Key: Key{session, ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()}, Events: []string{}, Format: FormatNative, Created: now}
	c.apply(w)
	if err := s.validate(c, w, badURL); err != nil {
		return nil, err
	}
	n, err := s.count(ctx, session)
	if err != nil {
		return nil, err
	}
	if n >= s.cfg.MaxPerSession-1 { // one is reserved for the default webhook
		return nil, ErrTooMany
	}
	return w, s.save(ctx, w)
}

func (s *store) update(ctx context.Context, key Key, c *Change, badURL string) (*Webhook, error) {
	w, err := s.get(ctx, key)
	if err != nil {
		return nil, err
	}
	c.apply(w)
	if err := s.validate(c, w, badURL); err != nil {
		return nil, err
	}
	return w, s.save(ctx, w)
}

// rotateSecret makes secret the webhook's key; the previous one also signs for a time.
func (s *store) rotateSecret(ctx context.Context, key Key, secret string, keep time.Duration) (*Webhook, error) {
	w, err := s.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if secret == "" {
		secret = newSecret()
	}
	switch {
	case keep <= 0:
		w.PreviousSecret, w.PreviousUntil = "", time.Time{}
	case w.Secret != "" && w.Secret != secret: // a call repeated with the same key leaves the previous one unchanged
		w.PreviousSecret, w.PreviousUntil = w.Secret, s.now().Add(keep)
	}
	w.Secret = secret
	return w, s.save(ctx, w)
}

// newSecret returns a key with the strength of the signature's hash.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "whsec_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// now returns the time in the stored precision.
func (s *store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// save writes a webhook and its update time.
func (s *store) save(ctx context.Context, w *Webhook) error {
	w.Updated = s.now()
	if w.Created.IsZero() {
		w.Created = w.Updated
	}
	if err := s.write(ctx, w); err != nil {
		return err
	}
	s.updateActive(w)
	return nil
}

// remove deletes a webhook. The default one becomes empty.
func (s *store) remove(ctx context.Context, key Key) error {
	n, err := s.execStatement(ctx, `DELETE FROM webhooks WHERE session=$1 AND id=$2`, key.Session, key.ID)
	if err != nil {
		return err
	}
	if n == 0 && key.ID != DefaultID {
		return ErrNotFound
	}
	s.dropMatching(func(k Key) bool { return k == key })
	return nil
}

// removeSession deletes all webhooks of a session and returns the active ones.
func (s *store) removeSession(ctx context.Context, session string) ([]Key, error) {
	if _, err := s.execStatement(ctx, `DELETE FROM webhooks WHERE session=$1`, session); err != nil {
		return nil, err
	}
	return s.dropMatching(func(k Key) bool { return k.Session == session }), nil
}

func (s *store) dropMatching(which func(Key) bool) (gone []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.active {
		if which(key) {
			delete(s.active, key)
			gone = append(gone, key)
		}
	}
	return gone
}

// targets returns the dispatcher targets of all active webhooks.
func (s *store) targets() []dispatch.Target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]dispatch.Target, 0, len(s.active))
	for _, w := range s.active {
		list = append(list, s.target(w))
	}
	return list
}
