package wire

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"go.mau.fi/whatsmeow/binary/token"
)

// Limits bounds the size and depth of a decrypted frame when it is decoded.
type Limits struct {
	Bytes int // size of the frame after decompression
	Depth int // nesting depth of stanzas
}

// frameCompressed is the bit in a frame's first byte that announces zlib data.
const frameCompressed = 2

// ErrFrame is the error of a frame that is dropped.
var ErrFrame = errors.New("bridge: a frame of WhatsApp cannot be read")

// CheckFrame returns a frame, decompressed, that whatsmeow's decoder can decode within the limits, or an error that wraps
// ErrFrame.
//
// The decoder calls itself for each level and allocates lists by the announced length; a process cannot recover from a
// stack overflow or a lack of memory. CheckFrame walks over the frame without allocating and compares the announced lengths
// of lists with the data.
func (l Limits) CheckFrame(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrFrame)
	}
	if data[0]&frameCompressed != 0 {
		reader, err := zlib.NewReader(bytes.NewReader(data[1:]))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFrame, err)
		}
		plain, err := io.ReadAll(io.LimitReader(reader, int64(l.Bytes)+1))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFrame, err)
		}
		data = append([]byte{data[0] &^ frameCompressed}, plain...)
	}
	if len(data)-1 > l.Bytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrFrame, l.Bytes)
	}
	walk := frameWalk{rest: data[1:], depth: l.Depth}
	if err := walk.readNode(0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return data, nil
}

// frameWalk reads the binary form of a stanza (binary XML of WhatsApp, go.mau.fi/whatsmeow/binary).
type frameWalk struct {
	rest  []byte
	depth int
}

var errFrameEnds = fmt.Errorf("it ends in the middle: %w", io.ErrUnexpectedEOF)

// smallestNode is the length of a stanza without attributes and content: list, size, tag.
const smallestNode = 3

// takeBytes returns the next n bytes.
func (w *frameWalk) takeBytes(n int) ([]byte, error) {
	if n < 0 || n > len(w.rest) {
		return nil, errFrameEnds
	}
	taken := w.rest[:n]
	w.rest = w.rest[n:]
	return taken, nil
}

// readNumber reads a big-endian number of n bytes.
func (w *frameWalk) readNumber(n int) (int, error) {
	raw, err := w.takeBytes(n)
	value := 0
	for _, b := range raw {
		value = value<<8 | int(b)
	}
	return value, err
}

// readList reads the length of a list after its token, kind.
func (w *frameWalk) readList(kind int) (int, error) {
	switch kind {
	case token.ListEmpty:
		return 0, nil
	case token.List8:
		return w.readNumber(1)
	case token.List16:
		return w.readNumber(2)
	}
	return 0, fmt.Errorf("token %d stands where a list must be", kind)
}

// readNode reads a stanza.
func (w *frameWalk) readNode(depth int) error {
	if depth >= w.depth {
		return fmt.Errorf("its stanzas are inside each other more than %d levels deep", w.depth)
	}
	kind, err := w.readNumber(1)
	if err != nil {
		return err
	}
	size, err := w.readList(kind)
	if err != nil {
		return err
	}
	if size == 0 {
		return fmt.Errorf("a stanza has no tag")
	}
	if err = w.readText(false); err != nil {
		return err
	}
	for range (size - 1) / 2 {
		if err = w.readText(false); err != nil {
			return err
		}
		if err = w.readValue(depth); err != nil {
			return err
		}
	}
	if size%2 == 1 {
		return nil
	}
	return w.readValue(depth)
}

// readText reads a string; optional permits a missing one.
func (w *frameWalk) readText(optional bool) error {
	kind, err := w.readNumber(1)
	if err != nil {
		return err
	}
	switch {
	case kind == token.ListEmpty && optional:
		return nil
	case kind == token.ListEmpty, kind == token.List8, kind == token.List16, kind == token.JIDPair, kind == token.ADJID, kind == token.FBJID, kind == token.InteropJID:
		return fmt.Errorf("token %d stands where a string must be", kind)
	}
	return w.readScalar(kind)
}

// readValue reads the value of an attribute or the content of a stanza.
func (w *frameWalk) readValue(depth int) error {
	kind, err := w.readNumber(1)
	if err != nil {
		return err
	}
	switch kind {
	case token.ListEmpty:
		return nil
	case token.List8, token.List16:
		count, err := w.readList(kind)
		if err != nil {
			return err
		}
		if count > len(w.rest)/smallestNode {
			return fmt.Errorf("a list announces %d stanzas and %d bytes follow", count, len(w.rest))
		}
		for range count {
			if err := w.readNode(depth + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return w.readScalar(kind)
}

// readScalar reads a string, bytes or an address after its token, kind.
func (w *frameWalk) readScalar(kind int) (err error) {
	size := 0
	switch kind {
	case token.Binary8:
		size, err = w.readNumber(1)
	case token.Binary20:
		size, err = w.readNumber(3)
		size &= 1<<20 - 1
	case token.Binary32:
		size, err = w.readNumber(4)
	case token.Nibble8, token.Hex8:
		size, err = w.readNumber(1)
		if size == 1<<7 {
			return fmt.Errorf("a packed string is shorter than nothing")
		}
		size &= 1<<7 - 1
	case token.Dictionary0, token.Dictionary1, token.Dictionary2, token.Dictionary3:
		size = 1
	case token.JIDPair:
		if err = w.readText(true); err == nil {
			err = w.readText(false)
		}
		return err
	case token.ADJID:
		if _, err = w.takeBytes(2); err == nil {
			err = w.readText(false)
		}
		return err
	case token.FBJID, token.InteropJID:
		if err = w.readText(false); err != nil {
			return err
		}
		numbers := 2
		if kind == token.InteropJID {
			numbers = 4
		}
		if _, err = w.takeBytes(numbers); err == nil {
			err = w.readText(false)
		}
		return err
	default:
		if kind >= len(token.SingleByteTokens) {
			return fmt.Errorf("token %d has no meaning", kind)
		}
	}
	if err == nil {
		_, err = w.takeBytes(size)
	}
	return err
}
