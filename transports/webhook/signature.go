package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// signatureVersion prefixes each signature, so that another scheme can be added.
const signatureVersion = "v1="

// Sign returns the value of the header X-Waystation-Signature: for each secret v1= and the HMAC-SHA256, in hexadecimal digits, over the decimal Unix
// seconds of at, a dot and the body as it is sent; joined by commas. The scheme is that of Stripe and Svix: the time is signed to prevent a later
// replay of a recording, and several signatures let a receiver that knows one of the keys verify during a rotation.
//
// A receiver computes it with its key, compares with each of the signatures in constant time, and rejects times that differ by more than some
// minutes.
func Sign(at time.Time, body []byte, secrets ...string) string {
	var header strings.Builder
	for i, secret := range secrets {
		if i > 0 {
			header.WriteByte(',')
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(strconv.AppendInt(nil, at.Unix(), 10))
		mac.Write([]byte{'.'})
		mac.Write(body)
		header.WriteString(signatureVersion)
		header.WriteString(hex.EncodeToString(mac.Sum(nil)))
	}
	return header.String()
}
