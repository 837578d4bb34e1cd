// Package vault encrypts stored secrets that must be readable for the server, such as passwords of brokers. The keys come from outside of the
// database, so that a copy of the database alone decrypts none of them.
//
// The package must not know the meaning of the secrets. Enter at New.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Vault seals with one key, and opens with previous keys too. Its methods may be called concurrently.
type Vault struct {
	aead     cipher.AEAD
	previous []cipher.AEAD
}

// ErrDamaged reports that a stored value does not open: it is incomplete, it was sealed for another place, or with a secret
// of the server that is neither the current nor the previous one.
var ErrDamaged = errors.New("a stored secret cannot be decrypted: check secret-file (or the variable WAYSTATION_SECRET) and previous-secret-file")

// New makes a vault of a key of 16, 24 or 32 bytes. Values that were sealed with one of the previous keys open as well.
func New(key []byte, previous ...[]byte) (*Vault, error) {
	v := &Vault{}
	var err error
	if v.aead, err = newAEAD(key); err != nil {
		return nil, err
	}
	for _, old := range previous {
		aead, err := newAEAD(old)
		if err != nil {
			return nil, err
		}
		v.previous = append(v.previous, aead)
	}
	return v, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return aead, nil
}

// Seal encrypts text so that it opens in its own place alone. Empty text is nil.
func (v *Vault) Seal(text string, place ...string) []byte {
	if text == "" {
		return nil
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(text)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return v.aead.Seal(nonce, nonce, []byte(text), joinParts(place))
}

// Open decrypts the result of Seal for the place. The error is ErrDamaged.
func (v *Vault) Open(sealed []byte, place ...string) (string, error) {
	text, _, err := v.open(sealed, place)
	return text, err
}

// open also reports whether a previous key sealed the value.
func (v *Vault) open(sealed []byte, place []string) (text string, old bool, err error) {
	if len(sealed) == 0 {
		return "", false, nil
	}
	n := v.aead.NonceSize() // the same for all keys
	if len(sealed) < n {
		return "", false, ErrDamaged
	}
	if plain, err := v.aead.Open(nil, sealed[:n], sealed[n:], joinParts(place)); err == nil {
		return string(plain), false, nil
	}
	for _, aead := range v.previous {
		if plain, err := aead.Open(nil, sealed[:n], sealed[n:], joinParts(place)); err == nil {
			return string(plain), true, nil
		}
	}
	return "", false, ErrDamaged
}

// sealedPrefix begins a sealed value in a column of text. No address of a proxy begins so.
const sealedPrefix = "sealed:"

// SealText is Seal for a column of text. Empty text stays empty.
func (v *Vault) SealText(text string, place ...string) string {
	if text == "" {
		return ""
	}
	return sealedPrefix + base64.RawStdEncoding.EncodeToString(v.Seal(text, place...))
}

// OpenText decrypts the result of SealText. A value stored in clear, before its column was sealed, is returned as it is.
func (v *Vault) OpenText(stored string, place ...string) (string, error) {
	text, _, err := v.openText(stored, place)
	return text, err
}

func (v *Vault) openText(stored string, place []string) (text string, old bool, err error) {
	encoded, isSealed := strings.CutPrefix(stored, sealedPrefix)
	if !isSealed {
		return stored, stored != "", nil
	}
	sealed, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil || len(sealed) == 0 {
		return "", false, ErrDamaged
	}
	return v.open(sealed, place)
}

func joinParts(place []string) []byte { return []byte(strings.Join(place, "\x00")) }
