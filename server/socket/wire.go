package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Buffer sizes of a connection, in bytes. Small, because most connections are idle: reads go through the first one
// frame at a time, the second carries only control frames.
const (
	readBuffer  = 1 << 10
	writeBuffer = 512
)

// flushChunk is how much is written under one deadline, so that a slow peer which takes bytes at all is not taken for
// a stalled one.
const flushChunk = 64 << 10

// Opcodes of WebSocket frames that are written here.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// wire is the network connection below the WebSocket. Frames of one turn are put together in a buffer above it and
// leave in one write; the few control frames the WebSocket library writes itself come through Write.
type wire struct {
	net.Conn
	early   []byte // what the HTTP server had read already
	timeout time.Duration

	mu    sync.Mutex
	ended bool // a close frame was written: nothing may follow
}

var errStalled = errors.New("socket: write stalled")

// Read gives what the HTTP server had read first.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.early) > 0 {
		n := copy(p, w.early)
		w.early = w.early[n:]
		return n, nil
	}
	return w.Conn.Read(p)
}

// Write takes whole control frames from the WebSocket library.
func (w *wire) Write(p []byte) (int, error) {
	if _, err := w.flush(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes frames. After a close frame everything is dropped. When the peer takes nothing for the timeout it
// returns errStalled and what is left.
func (w *wire) flush(b []byte) (rest []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(b) == 0 {
		return nil, nil
	}
	if len(b) < 128 && b[0]&0x0f == opClose {
		w.ended = true
	}
	for len(b) > 0 {
		chunk := b[:min(len(b), flushChunk)]
		_ = w.SetWriteDeadline(time.Now().Add(w.timeout)) // an error shows in Write
		n, err := w.Conn.Write(chunk)
		b = b[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = errStalled
			}
			return b, err
		}
	}
	return nil, nil
}

// end writes the last bytes of a connection, with a close frame at their end, in the given time.
func (w *wire) end(b []byte, within time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	_ = w.SetWriteDeadline(time.Now().Add(within))
	_, _ = w.Conn.Write(b) // the peer may be gone, and then need not know
}

// hijacker hands the WebSocket library a wire with small buffers instead of the HTTP server's connection.
type hijacker struct {
	http.ResponseWriter
	timeout time.Duration
	wire    *wire
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	_ = c.SetDeadline(time.Time{}) // those of the HTTP server
	h.wire = &wire{Conn: c, early: append([]byte(nil), early...), timeout: h.timeout}
	return h.wire, bufio.NewReadWriter(bufio.NewReaderSize(h.wire, readBuffer), bufio.NewWriterSize(h.wire, writeBuffer)), nil
}

// appendFrameHead begins an unmasked frame that is whole (RFC 6455, 5.2).
func appendFrameHead(b []byte, opcode byte, size int) []byte {
	b = append(b, 0x80|opcode)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}

func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	return append(appendFrameHead(b, opcode, len(payload)), payload...)
}

func appendCloseFrame(b []byte, code int, reason string) []byte {
	const longest = 123 // bytes of a reason in a control frame
	if len(reason) > longest {
		reason = reason[:longest]
	}
	b = appendFrameHead(b, opClose, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}
