package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Buffer sizes of a connection, in bytes. Small, because most connections are idle.
const (
	readBuffer  = 128 // fits a small call or some acks; the payload of a larger frame bypasses it
	writeBuffer = 128 // carries only control frames, of which the largest has 127
	leastBuffer = 16  // the WebSocket library buffers again; this is the least bufio takes
)

// flushChunk is the number of bytes written under one deadline, so that a peer that reads slowly is not mistaken for
// a stalled one.
const flushChunk = 64 << 10

// leastProgress is how much a blocked write must have sent within the stall timeout to count as progressing, in
// bytes: a peer that reads a few bytes now and then would retain the pending data for ever.
const leastProgress = 16 << 10

// stallLooks is how often within the stall timeout a blocked write is checked: bytes that were sent at its beginning
// are no progress at its end.
const stallLooks = 5

// Opcodes of WebSocket frames that this package writes.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// wire is the network connection below the WebSocket. Frames of one turn are collected in a buffer above it and sent
// in one write; the few control frames that the WebSocket library writes itself go through Write.
type wire struct {
	net.Conn
	raw     syscall.RawConn // nil = it has none
	timeout time.Duration

	// Owned by the reading goroutine.
	in    []byte // read and not yet consumed; in room, or the bytes that the HTTP server had already read
	above *bufio.Reader
	heads headReader
	flood func() // called once when the peer sends too many control frames or small fragments; nil = no callback
	room  [readBuffer]byte

	mu    sync.Mutex
	ended bool // a close frame was written: nothing may follow
}

var errStalled = errors.New("socket: write stalled")

// Read implements net.Conn for the WebSocket library. Large reads bypass the buffer once that is empty.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if len(p) >= readBuffer {
			n, err := w.Conn.Read(p)
			return w.checkFlood(p, n, err)
		}
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) fill() error {
	n, err := w.Conn.Read(w.room[:])
	n, err = w.checkFlood(w.room[:], n, err)
	w.in = w.room[:n]
	if n > 0 {
		return nil // a persistent error is returned again
	}
	return err
}

// checkFlood counts the control frames in the bytes that were read. When the peer floods, it discards further input
// until the connection has been closed.
func (w *wire) checkFlood(b []byte, n int, err error) (int, error) {
	if w.heads.allows(b[:n]) {
		return n, err
	}
	if w.flood != nil {
		w.flood()
	}
	_, err = io.Copy(io.Discard, w.Conn)
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// awaitFrame returns when a frame has begun that is not a ping or pong; those are passed to control. An idle
// connection waits here and not inside the WebSocket library, whose calls would keep the stack of the goroutine at
// twice its size.
func (w *wire) awaitFrame(control func(opcode byte, payload []byte)) error {
	for w.above.Buffered() == 0 {
		if len(w.in) == 0 {
			if err := w.fill(); err != nil {
				return err
			}
		}
		opcode, payload, rest := cutControl(w.in)
		if opcode == 0 {
			break
		}
		w.in = rest
		control(opcode, payload)
	}
	return nil
}

// cutControl cuts a ping or pong from the beginning of b, in place. Opcode 0: b does not begin with a complete, valid
// ping or pong, and the WebSocket library handles it.
func cutControl(b []byte) (opcode byte, payload, rest []byte) {
	const head = 6 // including the mask
	if len(b) < head || b[0] != 0x80|opPing && b[0] != 0x80|opPong || b[1]&0x80 == 0 {
		return 0, nil, b
	}
	size := int(b[1] & 0x7f)
	if size > 125 || len(b) < head+size {
		return 0, nil, b
	}
	payload = b[head : head+size]
	for i := range payload {
		payload[i] ^= b[2+i%4]
	}
	return b[0] & 0x0f, payload, b[head+size:]
}

// Write writes whole control frames of the WebSocket library.
func (w *wire) Write(p []byte) (int, error) {
	if _, err := w.flush(p, &worker{left: true}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes frames. After a close frame everything is dropped. When the peer reads nothing for the timeout it
// returns errStalled and the unwritten rest. The worker leaves its pool before a blocking write.
func (w *wire) flush(b []byte, h *worker) (rest []byte, err error) {
	if !w.mu.TryLock() {
		h.leavePool()
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	if w.ended || len(b) == 0 {
		return nil, nil
	}
	if len(b) < 128 && b[0] == 0x80|opClose {
		w.ended = true
	}
	if w.raw != nil && !h.left {
		n, err := h.writeNow(w.raw, b)
		if b = b[n:]; err != nil || len(b) == 0 {
			return b, err
		}
	}
	h.leavePool()
	return w.writeBlocking(b)
}

// writeBlocking writes with a deadline for each chunk; w.mu is held.
func (w *wire) writeBlocking(b []byte) (rest []byte, err error) {
	progress, taken := time.Now(), 0
	for len(b) > 0 {
		chunk := b[:min(len(b), flushChunk)]
		_ = w.SetWriteDeadline(time.Now().Add(w.timeout / stallLooks)) // an error surfaces in Write
		n, err := w.Conn.Write(chunk)
		b = b[n:]
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return b, err
		case n > 0:
			if taken += n; taken >= leastProgress {
				progress, taken = time.Now(), 0
			}
			if time.Since(progress) >= w.timeout {
				return b, errStalled
			}
		case time.Since(progress) >= w.timeout:
			return b, errStalled
		}
	}
	return nil, w.SetWriteDeadline(time.Time{}) // a later non-blocking write would see the deadline
}

// writeEnd writes the last bytes of a connection, which end with a close frame, in the given time.
func (w *wire) writeEnd(within time.Duration, parts ...[]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	_ = w.SetWriteDeadline(time.Now().Add(within))
	for _, b := range parts {
		if _, err := w.Conn.Write(b); err != nil {
			return // an unreachable peer needs no close frame
		}
	}
}

// hijacker passes the WebSocket library a wire with small buffers instead of the HTTP server's connection.
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
	_ = c.SetDeadline(time.Time{}) // deadlines of the HTTP server
	h.wire = &wire{Conn: c, timeout: h.timeout, in: append([]byte(nil), early...)}
	if sc, ok := c.(syscall.Conn); ok {
		h.wire.raw, _ = sc.SyscallConn()
	}
	h.wire.above = bufio.NewReaderSize(h.wire, leastBuffer)
	return h.wire, bufio.NewReadWriter(h.wire.above, bufio.NewWriterSize(h.wire, writeBuffer)), nil
}

// appendFrameHead appends the head of an unmasked, unfragmented frame (RFC 6455, 5.2).
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
