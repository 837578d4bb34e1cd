package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config of a Store. Zero fields take the defaults given with each.
type Config struct {
	MaxAccounts    int              // 1,000
	MaxKeys        int              // API keys of an account; 20
	MaxLogins      int              // log-ins of an account at a time, of which the oldest ends; 20
	MaxGrants      int              // accounts with which a session is shared; 100
	LoginTTL       time.Duration    // validity of a log-in; 30 days
	Hashes         int              // passwords that are hashed at a time; 1
	HashRate       int              // passwords that are hashed per second; 1
	HashProgram    func() *exec.Cmd // runs ServeDerivations on its standard input and output; nil = passwords are hashed in this process
	WrongPasswords int              // failed log-ins per minute of an address, and for an e-mail address; 10
	// Poll is the interval between looks at changes of other servers on a PostgreSQL database, and at expired credentials; 250 ms.
	Poll time.Duration
	// Key encrypts the keys that can be read again; PreviousKeys are those before it.
	Key          []byte
	PreviousKeys [][]byte
	// Changed is called after credentials or access were taken away; nil = nothing is called.
	Changed func()
	Log     *slog.Logger     // nil = silent
	Now     func() time.Time // nil = time.Now
}

func (c Config) withDefaults() Config {
	for _, field := range []struct {
		value *int
		or    int
	}{{&c.MaxAccounts, 1000}, {&c.MaxKeys, 20}, {&c.MaxLogins, 20}, {&c.MaxGrants, 100}, {&c.Hashes, 1}, {&c.HashRate, 1}, {&c.WrongPasswords, 10}} {
		if *field.value <= 0 {
			*field.value = field.or
		}
	}
	if c.LoginTTL <= 0 {
		c.LoginTTL = 30 * 24 * time.Hour
	}
	if c.Poll <= 0 {
		c.Poll = 250 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Store keeps accounts. Its methods are safe for concurrent use.
type Store struct {
	db     *dbutil.Database
	cfg    Config
	vault  *vault.Vault
	hasher *hasher
	wrong  *rpc.Rates // failed log-ins, by address and by e-mail address
	now    func() time.Time

	changing sync.Mutex // held while the database and the memory are changed
	seen     int64      // version that the memory has; guarded by changing

	rights      sync.Map // session -> *right
	mu          sync.Mutex
	credentials map[string]*Credential // by hash

	initial []string // sessions with rights when the store was opened

	stop context.CancelFunc
	done chan struct{}
}

var _ accountmethods.Store = (*Store)(nil)

// Open creates or updates the tables and caches the rights. End it with Close before the database.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s := &Store{
		cfg: cfg, hasher: newHasher(&cfg), wrong: rpc.NewRates(float64(cfg.WrongPasswords)/60, cfg.WrongPasswords),
		now: cfg.Now, credentials: map[string]*Credential{}, done: make(chan struct{}),
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		s.db, err = database.Migrate(ctx, db, "accounts", files)
	}
	if err == nil {
		s.vault, err = vault.New(cfg.Key, cfg.PreviousKeys...)
	}
	if err == nil {
		err = s.vault.Reseal(ctx, s.db, vault.Column{Table: "account_keys", Name: "sealed", Of: []string{"id"}, Place: func(of []string) []string { return keyPlace(of[0]) }, Text: true})
	}
	if err == nil {
		_, err = s.reload(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	s.eachRight(func(session string, _ *right) { s.initial = append(s.initial, session) })
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.watch(ctx)
	return s, nil
}

// Close ends the store's goroutine and stores when keys were used last.
func (s *Store) Close(ctx context.Context) error {
	s.stop()
	<-s.done
	s.hasher.close(ctx)
	return s.storeUses(ctx)
}

// usesEvery is the interval at which the times of last use are stored.
const usesEvery = time.Minute

// watch notices changes of other servers and expired credentials.
func (s *Store) watch(ctx context.Context) {
	defer close(s.done)
	ticks := time.NewTicker(s.cfg.Poll)
	defer ticks.Stop()
	stored := s.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		lost := s.dropExpired()
		if s.db.Dialect == dbutil.Postgres { // a SQLite database has one server
			changed, err := s.reload(ctx)
			if err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("changes of accounts cannot be read", "error", err)
			}
			lost = lost || changed
		}
		if lost {
			s.cfg.Changed()
		}
		if s.now().Sub(stored) >= usesEvery {
			stored = s.now()
			if err := s.storeUses(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("the use of keys cannot be stored", "error", err)
			}
		}
	}
}

// change runs fn in a transaction that counts as one change, and then apply, which brings the memory up to date. taken says that something may have
// been taken away from an open connection.
func (s *Store) change(ctx context.Context, taken bool, fn func(ctx context.Context) error, apply func()) error {
	err := s.changeLocked(ctx, fn, apply)
	if err == nil && taken {
		s.cfg.Changed()
	}
	return err
}

func (s *Store) changeLocked(ctx context.Context, fn func(ctx context.Context) error, apply func()) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	var version int64
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		// First of all: it makes the changes of all servers one sequence.
		if err := s.db.QueryRow(ctx, `UPDATE account_changes SET version=version+1 RETURNING version`).Scan(&version); err != nil {
			return err
		}
		return fn(ctx)
	})
	if err != nil {
		return storeError(err)
	}
	if version == s.seen+1 {
		s.seen = version
	}
	apply()
	return nil
}

// reload reads the rights and credentials anew if another server has changed them.
func (s *Store) reload(ctx context.Context) (changed bool, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	var version int64
	if err := s.db.QueryRow(ctx, `SELECT version FROM account_changes`).Scan(&version); err != nil {
		return false, err
	}
	if version == s.seen {
		return false, nil
	}
	if err := s.reloadRights(ctx); err != nil {
		return false, err
	}
	if err := s.reloadCredentials(ctx); err != nil {
		return false, err
	}
	s.seen = version
	return true, nil
}

// errUnavailable is the error for the caller when the database fails.
var errUnavailable = &rpc.Error{Code: rpc.CodeInternal, Message: "accounts cannot be read or changed now", Reason: "storage", Retryable: true}

// storeError adds the error for the caller to one of the database.
func storeError(err error) error {
	var problem *rpc.Error
	if err == nil || errors.As(err, &problem) {
		return err
	}
	return fmt.Errorf("accounts: %w: %w", err, errUnavailable)
}

func newID(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()[:20]) }

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
