package bridge

import (
	"bytes"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge/wa"
)

// The last stanza of a connection, "failure" or "stream:error", states why WhatsApp ends the connection. whatsmeow
// handles stanzas in a queue and drops the remaining ones when the socket ends. A session that misses the report that
// its credentials are used elsewhere would reconnect and end the other connection, which may do the same. Therefore the
// last stanza is remembered when it is read, and handled after the end of the socket if whatsmeow has not handled it.

// endTags are the encoded tags of last stanzas.
var endTags = [][]byte{encodedTag("stream:error"), encodedTag("failure")}

// Binary form of a stanza: a byte of flags, the size of the list (a type byte and one or two bytes), the tag.
const (
	frameTagAt   = 3
	listWithSize = 249 // the size takes two bytes
)

func encodedTag(tag string) []byte {
	raw, err := waBinary.Marshal(waBinary.Node{Tag: tag})
	if err != nil {
		panic(err) // the tag is a constant
	}
	return raw[frameTagAt:]
}

// isEndFrame reports whether a checked frame is a last stanza.
func isEndFrame(frame []byte) bool {
	at := frameTagAt
	if len(frame) > 1 && frame[1] == listWithSize {
		at++
	}
	if len(frame) < at {
		return false
	}
	for _, tag := range endTags {
		if bytes.HasPrefix(frame[at:], tag) {
			return true
		}
	}
	return false
}

// rememberEnd stores the stanza of a checked frame if it is the last one of the connection.
func (s *Session) rememberEnd(cli *whatsmeow.Client, frame []byte) {
	if !isEndFrame(frame) {
		return
	}
	node, err := waBinary.Unmarshal(frame[1:])
	if err != nil {
		return // whatsmeow logs the error
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli {
		s.endStanza = node
	}
}

// takeEnd returns the remembered stanza, or nil, and clears it.
func (s *Session) takeEnd(cli *whatsmeow.Client) *waBinary.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli {
		return nil
	}
	node := s.endStanza
	s.endStanza = nil
	return node
}

// handleMissedEnd handles the last stanza of an ended connection if whatsmeow dropped it.
func (s *Session) handleMissedEnd(cli *whatsmeow.Client) {
	node := s.takeEnd(cli)
	if node == nil {
		return
	}
	ctx := s.noteEnd(s.b.ctx, cli, node)
	wa.CatchAndLog(s.log(), "stanza "+node.Tag, func() {
		if node.Tag == "failure" {
			cli.DangerousInternals().HandleConnectFailure(ctx, node)
		} else {
			cli.DangerousInternals().HandleStreamError(ctx, node)
		}
	})
}
