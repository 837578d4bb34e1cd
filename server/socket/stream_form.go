package socket

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// streamNames are the event names of messages that sockets receive as notifications. Durable events have no name, so
// that onmessage of an EventSource receives them, whatever their type.
var streamNames = map[string]string{
	"hello": "hello", "signal": "signal", "events.gap": "gap", "conn.position": "position", "conn.drain": "drain",
}

// withoutID are messages that do not change the client's position.
var withoutID = map[string]bool{"signal": true, "drain": true}

// streamHead returns the head of the response, with the header fields that middleware has added. It has neither
// length nor chunking: the stream ends with its connection, so that an event can be written unframed.
func streamHead(header http.Header, retry time.Duration) []byte {
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx would buffer events
	header.Set("Connection", "close")
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&b) // a write to a buffer cannot fail
	b.WriteString("\r\nretry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\n\n")
	return b.Bytes()
}

// appendText appends a message in the form of the connection: a text frame of a socket, or a message of a stream.
func (c *conn) appendText(out, frame []byte) []byte {
	if c.stream == nil {
		return appendFrame(out, opText, frame)
	}
	return c.appendStreamNote(out, frame, nil, 0)
}

// appendNoteOf appends a notification about a session, which precedes events of the same turn.
func (c *conn) appendNoteOf(out, frame []byte, cur *cursor, events []*journal.Event) []byte {
	if c.stream == nil || len(events) == 0 {
		return c.appendText(out, frame)
	}
	return c.appendStreamNote(out, frame, cur, events[0].Offset-1)
}

// appendStreamNote appends a notification as a message. Its id has the cursor cur, if any, at offset at.
func (c *conn) appendStreamNote(out, frame []byte, cur *cursor, at uint64) []byte {
	method, params := splitNote(frame)
	name := streamNames[method]
	if !withoutID[name] {
		out = c.streamPositions(cur).appendID(append(out, "id: "...), at)
		out = append(out, '\n')
	}
	out = append(append(out, "event: "...), name...)
	return appendData(out, params)
}

// appendStreamEvents appends durable events of a session.
func (c *conn) appendStreamEvents(out []byte, cur *cursor, events []*journal.Event) []byte {
	if len(events) == 0 {
		return out
	}
	at := c.streamPositions(cur)
	for _, ev := range events {
		out = at.appendID(append(out, "id: "...), ev.Offset)
		out = appendData(out, ev.Body())
	}
	return out
}

// appendData ends a message; data is JSON on one line.
func appendData(out, data []byte) []byte {
	out = append(append(out, "\ndata: "...), data...)
	return append(out, "\n\n"...)
}

// appendPing appends a keep-alive: a control frame, or a comment in a stream.
func (c *conn) appendPing(out []byte) []byte {
	if c.stream == nil {
		return appendFrame(out, opPing, nil)
	}
	return append(out, ": \n\n"...)
}

// appendEnd appends the last message of a connection: a close frame, or the end event of a stream.
func (c *conn) appendEnd(out []byte, code int, reason string) []byte {
	if c.stream == nil {
		return appendCloseFrame(out, code, reason)
	}
	data, _ := json.Marshal(streamEnd{code, reason}) // encoding plain fields cannot fail
	return appendData(append(out, "event: close"...), data)
}

type streamEnd struct {
	Code   int    `json:"code"` // of the protocol's close codes
	Reason string `json:"reason"`
}

// splitNote parses a notification that rpc.AppendNotification made.
func splitNote(frame []byte) (method string, params []byte) {
	const head, middle = `{"jsonrpc":"2.0","method":"`, `","params":`
	rest, _ := strings.CutPrefix(string(frame), head)
	method, text, _ := strings.Cut(rest, middle)
	return method, []byte(strings.TrimSuffix(text, "}"))
}

// streamPositions are the positions of a stream in the sessions it follows.
type streamPositions struct {
	key   []byte
	list  []streamPosition
	moves bool // the last one is the session that is being written
}

// appendID appends the id of a message; the session that is being written is at the offset.
func (p streamPositions) appendID(out []byte, at uint64) []byte {
	if p.moves {
		p.list[len(p.list)-1].offset = at
	}
	return appendStreamID(out, p.key, p.list)
}

// streamPositions collects the positions; cur comes last and may be nil.
func (c *conn) streamPositions(cur *cursor) streamPositions {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := streamPositions{key: c.e.cfg.StreamKey, list: make([]streamPosition, 0, len(c.cursors))}
	for id, other := range c.cursors {
		if other != cur && other.epoch != "" {
			p.list = append(p.list, streamPosition{id, other.epoch, other.pos})
		}
	}
	if cur != nil {
		p.list = append(p.list, streamPosition{cur.topic.session, cur.epoch, 0})
		p.moves = true
	}
	return p
}
