package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/waystation/waystation/rpc"
)

// Costs of argon2id, as OWASP recommends. Stored hashes carry theirs, so that these may change.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// maxWaiting is the number of callers that wait for a password to be hashed.
const maxWaiting = 16

// hashBurst is the number of passwords that are hashed without pauses after a time without any.
const hashBurst = 10

// hasher hashes passwords, a limited number at a time and per second: each takes 19 MiB of memory and tens of milliseconds of a processor, which other
// calls need.
type hasher struct {
	places    chan *process
	waiting   chan struct{}
	interval  time.Duration // between hashes, in the long run
	processes bool          // passwords are hashed in other processes
	dummy     string        // hash of no account

	mu   sync.Mutex
	next time.Time // when the next hash is due at the rate; in the past while a burst is possible
}

func newHasher(cfg *Config) *hasher {
	h := &hasher{places: make(chan *process, cfg.Hashes), waiting: make(chan struct{}, maxWaiting), interval: time.Second / time.Duration(cfg.HashRate), processes: cfg.HashProgram != nil}
	var failing atomic.Bool
	for range cfg.Hashes {
		h.places <- &process{program: cfg.HashProgram, local: (*derivation).computeKey, log: cfg.Log, failing: &failing}
	}
	var none [argonKey]byte
	_, _ = rand.Read(none[:]) // crypto/rand never fails
	h.dummy = encodeHash(argonMemory, argonTime, argonThreads, none[:argonSalt], none[:])
	return h
}

// derive returns the key of d, at its turn. The error is an *rpc.Error when too many others wait.
func (h *hasher) derive(ctx context.Context, d *derivation) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, rpc.RateLimited("too many passwords are being checked", time.Second)
	}
	defer func() { <-h.waiting }()
	select {
	case p := <-h.places:
		key := p.deriveKey(d)
		time.AfterFunc(h.nextPause(), func() { h.places <- p })
		return key, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nextPause counts a hash and returns how long its place is not used.
func (h *hasher) nextPause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if earliest := now.Add(-(hashBurst - 1) * h.interval); h.next.Before(earliest) {
		h.next = earliest
	}
	h.next = h.next.Add(h.interval)
	return h.next.Sub(now)
}

// hash returns the hash of a password with a new salt.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	var salt [argonSalt]byte
	_, _ = rand.Read(salt[:]) // crypto/rand never fails
	key, err := h.derive(ctx, &derivation{Password: []byte(password), Salt: salt[:], Passes: argonTime, Memory: argonMemory, Threads: argonThreads, Length: argonKey})
	if err != nil {
		return "", err
	}
	return encodeHash(argonMemory, argonTime, argonThreads, salt[:], key), nil
}

// verify reports whether a password is that of a hash. An empty hash takes the same time and is that of no password.
func (h *hasher) verify(ctx context.Context, hash, password string) (ok bool, err error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	memory, passes, threads, salt, key, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	got, err := h.derive(ctx, &derivation{Password: []byte(password), Salt: salt, Passes: passes, Memory: memory, Threads: threads, Length: uint32(len(key))})
	return err == nil && subtle.ConstantTimeCompare(got, key) == 1 && known, err
}

// encodeHash writes a hash in the form of the reference implementation.
func encodeHash(memory, passes uint32, threads uint8, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func decodeHash(text string) (memory, passes uint32, threads uint8, salt, key []byte, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return 0, 0, 0, nil, nil, fmt.Errorf("accounts: a stored password has an unknown form")
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err == nil {
		salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	}
	if err == nil {
		key, err = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if err != nil || len(key) == 0 {
		return 0, 0, 0, nil, nil, fmt.Errorf("accounts: a stored password is damaged: %w", err)
	}
	return memory, passes, threads, salt, key, nil
}
