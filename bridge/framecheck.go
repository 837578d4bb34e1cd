package bridge

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"go.mau.fi/whatsmeow/binary/token"
)

// frameLimits bounds the size and depth of a decrypted frame when it is decoded.
type frameLimits struct {
	bytes int // size of the frame after decompression
	depth int // nesting depth of stanzas
}

// frameCompressed is the bit in a frame's first byte that announces zlib data.
const frameCompressed = 2

// check returns a frame, decompressed, that whatsmeow's decoder can decode within the limits, or an error that wraps
// errFrame.
//
// The decoder calls itself for each level and allocates lists by the announced length; a process cannot recover from a
// stack overflow or a lack of memory. check walks over the frame without allocating and compares the announced lengths
// of lists with the data.
func (l frameLimits) check(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errFrame)
	}
	if data[0]&frameCompressed != 0 {
		reader, err := zlib.NewReader(bytes.NewReader(data[1:]))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		plain, err := io.ReadAll(io.LimitReader(reader, int64(l.bytes)+1))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		data = append([]byte{data[0] &^ frameCompressed}, plain...)
	}
	if len(data)-1 > l.bytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", errFrame, l.bytes)
	}
	walk := frameWalk{rest: data[1:], depth: l.depth}
	if err := walk.node(0); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
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

// take returns the next n bytes.
func (w *frameWalk) take(n int) ([]byte, error) {
	if n < 0 || n > len(w.rest) {
		return nil, errFrameEnds
	}
	taken := w.rest[:n]
	w.rest = w.rest[n:]
	return taken, nil
}

// number reads a big-endian number of n bytes.
func (w *frameWalk) number(n int) (int, error) {
	raw, err := w.take(n)
	value := 0
	for _, b := range raw {
		value = value<<8 | int(b)
	}
	return value, err
}

// list reads the length of a list after its token, kind.
func (w *frameWalk) list(kind int) (int, error) {
	switch kind {
	case token.ListEmpty:
		return 0, nil
	case token.List8:
		return w.number(1)
	case token.List16:
		return w.number(2)
	}
	return 0, fmt.Errorf("token %d stands where a list must be", kind)
}

// node reads a stanza.
func (w *frameWalk) node(depth int) error {
	if depth >= w.depth {
		return fmt.Errorf("its stanzas are inside each other more than %d levels deep", w.depth)
	}
	kind, err := w.number(1)
	if err != nil {
		return err
	}
	size, err := w.list(kind)
	if err != nil {
		return err
	}
	if size == 0 {
		return fmt.Errorf("a stanza has no tag")
	}
	if err = w.text(false); err != nil {
		return err
	}
	for range (size - 1) / 2 {
		if err = w.text(false); err != nil {
			return err
		}
		if err = w.value(depth); err != nil {
			return err
		}
	}
	if size%2 == 1 {
		return nil
	}
	return w.value(depth)
}

// text reads a string; optional permits a missing one.
func (w *frameWalk) text(optional bool) error {
	kind, err := w.number(1)
	if err != nil {
		return err
	}
	switch {
	case kind == token.ListEmpty && optional:
		return nil
	case kind == token.ListEmpty, kind == token.List8, kind == token.List16, kind == token.JIDPair, kind == token.ADJID, kind == token.FBJID, kind == token.InteropJID:
		return fmt.Errorf("token %d stands where a string must be", kind)
	}
	return w.scalar(kind)
}

// value reads the value of an attribute or the content of a stanza.
func (w *frameWalk) value(depth int) error {
	kind, err := w.number(1)
	if err != nil {
		return err
	}
	switch kind {
	case token.ListEmpty:
		return nil
	case token.List8, token.List16:
		count, err := w.list(kind)
		if err != nil {
			return err
		}
		if count > len(w.rest)/smallestNode {
			return fmt.Errorf("a list announces %d stanzas and %d bytes follow", count, len(w.rest))
		}
		for range count {
			if err := w.node(depth + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return w.scalar(kind)
}

// scalar reads a string, bytes or an address after its token, kind.
func (w *frameWalk) scalar(kind int) (err error) {
	size := 0
	switch kind {
	case token.Binary8:
		size, err = w.number(1)
	case token.Binary20:
		size, err = w.number(3)
		size &= 1<<20 - 1
	case token.Binary32:
		size, err = w.number(4)
	case token.Nibble8, token.Hex8:
		size, err = w.number(1)
		if size == 1<<7 {
			return fmt.Errorf("a packed string is shorter than nothing")
		}
		size &= 1<<7 - 1
	case token.Dictionary0, token.Dictionary1, token.Dictionary2, token.Dictionary3:
		size = 1
	case token.JIDPair:
		if err = w.text(true); err == nil {
			err = w.text(false)
		}
		return err
	case token.ADJID:
		if _, err = w.take(2); err == nil {
			err = w.text(false)
		}
		return err
	case token.FBJID, token.InteropJID:
		if err = w.text(false); err != nil {
			return err
		}
		numbers := 2
		if kind == token.InteropJID {
			numbers = 4
		}
		if _, err = w.take(numbers); err == nil {
			err = w.text(false)
		}
		return err
	default:
		if kind >= len(token.SingleByteTokens) {
			return fmt.Errorf("token %d has no meaning", kind)
		}
	}
	if err == nil {
		_, err = w.take(size)
	}
	return err
}
