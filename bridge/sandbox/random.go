package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow/util/keys"
)

// entropy is a seeded source of bytes. Streams derived under different labels do not depend on the order in which they are used.
type entropy struct {
	mu   sync.Mutex
	seed [32]byte
	rng  *rand.ChaCha8
}

func newEntropy(seed [32]byte) *entropy {
	return &entropy{seed: seed, rng: rand.NewChaCha8(seed)}
}

func seedOf(number uint64) [32]byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], number)
	return sha256.Sum256(raw[:])
}

// derive returns the stream of a label.
func (e *entropy) derive(label string) *entropy {
	mac := hmac.New(sha256.New, e.seed[:])
	mac.Write([]byte(label))
	return newEntropy([32]byte(mac.Sum(nil)))
}

func (e *entropy) bytes(count int) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]byte, count)
	_, _ = e.rng.Read(out)
	return out
}

func (e *entropy) uint64() uint64 {
	return binary.BigEndian.Uint64(e.bytes(8))
}

// messageID returns an id in the form of real phones.
func (e *entropy) messageID() string {
	return "3A" + strings.ToUpper(hex.EncodeToString(e.bytes(9)))
}

func (e *entropy) keyPair() *keys.KeyPair {
	private := [32]byte(e.bytes(32))
	private[0] &= 248
	private[31] &= 127
	private[31] |= 64
	return keys.NewKeyPairFromPrivateKey(private)
}
