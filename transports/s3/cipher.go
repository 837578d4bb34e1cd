package s3

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// vault encrypts what must be usable, and therefore is stored, so that a copy of the database alone gives no keys away.
type vault struct{ aead cipher.AEAD }

func newVault(key []byte) (*vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("s3: key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("s3: key: %w", err)
	}
	return &vault{aead}, nil
}

// seal encrypts text so that it opens only for the same field of the same session. Empty text is nil.
func (v *vault) seal(text, session, field string) []byte {
	if text == "" {
		return nil
	}
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(text)+v.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return v.aead.Seal(nonce, nonce, []byte(text), owner(session, field))
}

func (v *vault) open(sealed []byte, session, field string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return "", errors.New("s3: a stored key is damaged")
	}
	text, err := v.aead.Open(nil, sealed[:n], sealed[n:], owner(session, field))
	if err != nil {
		return "", fmt.Errorf("s3: a stored key cannot be read; was the server's own secret replaced? %w", err)
	}
	return string(text), nil
}

func owner(session, field string) []byte { return []byte(field + "\x00" + session) }
