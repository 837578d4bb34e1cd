// Package vault encrypts secrets that must be usable, and therefore are stored, so that a copy of the database alone gives
// none away that the server's own secret does not open.
//
// It must not know what it keeps. Enter at New.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// Vault encrypts with one key. Its methods may be called concurrently.
type Vault struct{ aead cipher.AEAD }

// ErrDamaged says that what was stored does not open: it is not whole, it stands in another's place, or the server's own
// secret was replaced.
var ErrDamaged = errors.New("a stored secret cannot be read; was the server's own secret replaced?")

// New makes a vault of a key of 16, 24 or 32 bytes.
func New(key []byte) (*Vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return &Vault{aead}, nil
}

// Seal encrypts text so that it opens in its own place alone. Empty text is nil.
func (v *Vault) Seal(text string, place ...string) []byte {
	if text == "" {
		return nil
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(text)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return v.aead.Seal(nonce, nonce, []byte(text), join(place))
}

// Open decrypts what Seal made for the place. The error is ErrDamaged.
func (v *Vault) Open(sealed []byte, place ...string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return "", ErrDamaged
	}
	text, err := v.aead.Open(nil, sealed[:n], sealed[n:], join(place))
	if err != nil {
		return "", ErrDamaged
	}
	return string(text), nil
}

func join(place []string) []byte { return []byte(strings.Join(place, "\x00")) }
