package wa

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// NewRequestID returns 16 random bytes in hexadecimal digits: a message id, by which the phone and events name a request.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return strings.ToUpper(hex.EncodeToString(id[:]))
}
