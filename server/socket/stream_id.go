package socket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/waystation/waystation/rpc"
)

// streamPosition is the position of a stream in a session: all events up to the offset were sent or filtered out.
type streamPosition struct {
	session, epoch string
	offset         uint64
}

// The id of a message is base64url of: version, then for each session its id, the epoch of its log (each with its
// length before it) and the offset, then a truncated HMAC-SHA256. Numbers are varints. Clients return it unchanged.
const (
	idVersion = 1
	idMAC     = 16 // bytes
	// maxStreamID limits an id returned by a client, in characters; headers have no more room.
	maxStreamID = 16 << 10
	// maxIDText limits a session id or an epoch, in bytes.
	maxIDText = 256
)

// idLabel separates the signature from other uses of the key.
const idLabel = "waystation event id\x00"

func signID(key, id []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(idLabel))
	mac.Write(id)
	return mac.Sum(nil)[:idMAC]
}

// appendStreamID appends the id that encodes the positions.
func appendStreamID(out, key []byte, list []streamPosition) []byte {
	raw := make([]byte, 0, 64+48*len(list))
	raw = append(raw, idVersion)
	for _, p := range list {
		raw = appendIDText(raw, p.session)
		raw = appendIDText(raw, p.epoch)
		raw = binary.AppendUvarint(raw, p.offset)
	}
	raw = append(raw, signID(key, raw)...)
	return base64.RawURLEncoding.AppendEncode(out, raw)
}

func appendIDText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// errStreamID rejects an id that this server did not make, or that was damaged.
func errStreamID() *rpc.Error {
	return rpc.InvalidParams("/last_event_id", "is not an id of a message of this server; leave it out to begin anew")
}

// parseStreamID parses an id returned by a client.
func parseStreamID(id string, key []byte) (map[string]position, *rpc.Error) {
	if len(id) > maxStreamID {
		return nil, errStreamID()
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) < 1+idMAC || raw[0] != idVersion {
		return nil, errStreamID()
	}
	body, mac := raw[:len(raw)-idMAC], raw[len(raw)-idMAC:]
	if !hmac.Equal(mac, signID(key, body)) {
		return nil, errStreamID()
	}
	places := map[string]position{}
	for rest := body[1:]; len(rest) > 0; {
		var session, epoch string
		var ok1, ok2 bool
		session, rest, ok1 = cutIDText(rest)
		epoch, rest, ok2 = cutIDText(rest)
		offset, n := binary.Uvarint(rest)
		if _, twice := places[session]; !ok1 || !ok2 || n <= 0 || twice {
			return nil, errStreamID()
		}
		rest = rest[n:]
		places[session] = position{epoch, offset}
	}
	return places, nil
}

func cutIDText(b []byte) (text string, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size == 0 || size > maxIDText || size > uint64(len(b)-n) {
		return "", nil, false
	}
	b = b[n:]
	return string(b[:size]), b[size:], true
}
