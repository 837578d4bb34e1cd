package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
)

// The query of a signed address: the session whose file it is, its expiry (Unix seconds), and the signature.
const (
	signedSession   = "session"
	signedExpiry    = "expires"
	signedSignature = "signature"
)

// URLs makes the URLs of this server that replies of methods contain, and checks the signed ones.
type URLs struct {
	// PublicURL is the setting public-url; "" = URLs contain the address that Listener returns.
	PublicURL string
	// Listener returns the address of the server. It is called once the server listens.
	Listener func() string
	// Key signs the addresses of files.
	Key []byte
	// MediaTTL is the longest validity of a signed address.
	MediaTTL time.Duration
	// OwnerOf returns the key of a session's data.
	OwnerOf func(session string) string
}

// base returns the URL under which clients reach this server.
func (u *URLs) base() string {
	if base := strings.TrimSuffix(u.PublicURL, "/"); base != "" {
		return base
	}
	return "http://" + u.Listener()
}

// Media returns the URL of a stored file, for requests with a token in the header.
func (u *URLs) Media(mediaID string) string {
	return u.base() + mediaPath + "/" + url.PathEscape(mediaID)
}

// Watch returns the URL for watching deliveries with a token.
func (u *URLs) Watch(token string) string {
	return u.base() + deliveriesPath + "?" + url.Values{watchToken: {token}}.Encode()
}

// SignMedia returns an address of a file that needs no token. It is valid for this file and session until its
// expiry; the key is in the database, so that it remains valid after a restart.
func (u *URLs) SignMedia(session, mediaID string, validFor time.Duration) (string, time.Time, error) {
	most := u.MediaTTL
	switch {
	case validFor < 0 || validFor > most:
		return "", time.Time{}, rpc.InvalidParams("/ttl_ms", fmt.Sprintf("must be 1 to %d", most.Milliseconds()))
	case validFor == 0:
		validFor = most
	}
	expires := time.Now().Add(validFor + time.Second - 1).Truncate(time.Second).UTC()
	end := strconv.FormatInt(expires.Unix(), 10)
	query := url.Values{signedSession: {session}, signedExpiry: {end}, signedSignature: {u.mediaSignature(u.OwnerOf(session), mediaID, end)}}
	return u.Media(mediaID) + "?" + query.Encode(), expires, nil
}

// mediaSignature signs the parts of an address. owner is the key of the session's data: an address is not valid for
// files of a later session with the same id. No part contains a zero byte, so that bytes cannot be shifted between
// them.
func (u *URLs) mediaSignature(owner, mediaID, expires string) string {
	mac := hmac.New(sha256.New, u.Key)
	mac.Write([]byte(owner + "\x00" + mediaID + "\x00" + expires))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isSigned reports whether a request uses a signed address instead of a token.
func isSigned(r *http.Request) bool {
	query := r.URL.Query()
	return query.Has(signedSignature) || query.Has(signedExpiry)
}

// checkSigned verifies the signed address of a request and returns its session.
func (u *URLs) checkSigned(r *http.Request, now time.Time) (session string, err error) {
	query := r.URL.Query()
	for _, name := range []string{signedSession, signedExpiry, signedSignature} {
		if len(query[name]) != 1 {
			return "", rpc.Forbidden("the address is not whole: " + name + " is given once")
		}
	}
	session, end := query.Get(signedSession), query.Get(signedExpiry)
	if !hmac.Equal([]byte(query.Get(signedSignature)), []byte(u.mediaSignature(u.OwnerOf(session), r.PathValue("id"), end))) {
		return "", rpc.Forbidden("the address was altered: its signature does not fit")
	}
	if seconds, err := strconv.ParseInt(end, 10, 64); err != nil || now.Unix() >= seconds {
		return "", rpc.Forbidden("the address has expired; ask for a new one")
	}
	return session, nil
}
