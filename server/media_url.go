package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/waystation/waystation/rpc"
)

// The query of a signed address: the session whose file it is, its expiry (Unix seconds), and the signature.
const (
	signedSession   = "session"
	signedExpiry    = "expires"
	signedSignature = "signature"
)

// signMediaURL returns an address of a file that needs no token. It is valid for this file and session until its
// expiry; the key is in the database, so that it remains valid after a restart.
func (a *app) signMediaURL(session, mediaID string, validFor time.Duration) (string, time.Time, error) {
	most := a.cfg.MediaURLTTL
	switch {
	case validFor < 0 || validFor > most:
		return "", time.Time{}, rpc.InvalidParams("/ttl_ms", fmt.Sprintf("must be 1 to %d", most.Milliseconds()))
	case validFor == 0:
		validFor = most
	}
	expires := time.Now().Add(validFor + time.Second - 1).Truncate(time.Second).UTC()
	end := strconv.FormatInt(expires.Unix(), 10)
	query := url.Values{signedSession: {session}, signedExpiry: {end}, signedSignature: {a.mediaSignature(a.bridge.OwnerOf(session), mediaID, end)}}
	return a.mediaURL(mediaID) + "?" + query.Encode(), expires, nil
}

// mediaSignature signs the parts of an address. owner is the key of the session's data: an address is not valid for
// files of a later session with the same id. No part contains a zero byte, so that bytes cannot be shifted between
// them.
func (a *app) mediaSignature(owner, mediaID, expires string) string {
	mac := hmac.New(sha256.New, a.secret.key("media addresses"))
	mac.Write([]byte(owner + "\x00" + mediaID + "\x00" + expires))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isSigned reports whether a request uses a signed address instead of a token.
func isSigned(r *http.Request) bool {
	query := r.URL.Query()
	return query.Has(signedSignature) || query.Has(signedExpiry)
}

// checkSigned verifies the signed address of a request and returns its session.
func (a *app) checkSigned(r *http.Request, now time.Time) (session string, err error) {
	query := r.URL.Query()
	for _, name := range []string{signedSession, signedExpiry, signedSignature} {
		if len(query[name]) != 1 {
			return "", rpc.Forbidden("the address is not whole: " + name + " is given once")
		}
	}
	session, end := query.Get(signedSession), query.Get(signedExpiry)
	if !hmac.Equal([]byte(query.Get(signedSignature)), []byte(a.mediaSignature(a.bridge.OwnerOf(session), r.PathValue("id"), end))) {
		return "", rpc.Forbidden("the address was altered: its signature does not fit")
	}
	if seconds, err := strconv.ParseInt(end, 10, 64); err != nil || now.Unix() >= seconds {
		return "", rpc.Forbidden("the address has expired; ask for a new one")
	}
	return session, nil
}
