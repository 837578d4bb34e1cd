package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// vault encrypts what must be usable, and therefore is stored, so that a copy of the database alone gives no secrets
// away that its own secret does not open.
type vault struct{ aead cipher.AEAD }

func newVault(key []byte) (*vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("webhook: key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("webhook: key: %w", err)
	}
	return &vault{aead}, nil
}

// seal encrypts text so that it opens only for the same field of the same webhook. Empty text is nil.
func (v *vault) seal(text string, of Key, field string) []byte {
	if text == "" {
		return nil
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(text)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return v.aead.Seal(nonce, nonce, []byte(text), owner(of, field))
}

func (v *vault) open(sealed []byte, of Key, field string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return "", errors.New("webhook: a stored secret is damaged")
	}
	text, err := v.aead.Open(nil, sealed[:n], sealed[n:], owner(of, field))
	if err != nil {
		return "", fmt.Errorf("webhook: a stored secret cannot be read; was the server's own secret replaced? %w", err)
	}
	return string(text), nil
}

func owner(of Key, field string) []byte {
	return []byte(field + "\x00" + of.Session + "\x00" + of.ID)
}
