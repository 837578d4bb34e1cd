package socket

import (
	"encoding/binary"
	"time"
)

// smallFragment is the length below which a fragment counts like a control frame, in bytes. Clients that split
// messages use larger ones; the last fragment of a message does not count.
const smallFragment = 256

// controlBurst is the burst of control frames, as a multiple of their rate.
const controlBurst = 120

// headReader parses frame heads in the bytes from a peer and counts control frames and small fragments (RFC 6455,
// 5.2).
type headReader struct {
	rate   float64 // permitted counted frames per second; 0 = no limit
	tokens float64
	last   time.Time

	skip uint64 // bytes left of the payload and its mask
	head [10]byte
	have int // bytes of head read so far
}

// allows parses b and reports whether the peer is within the rate.
func (h *headReader) allows(b []byte) bool {
	if h.rate <= 0 {
		return true
	}
	for len(b) > 0 {
		if h.skip > 0 {
			n := min(h.skip, uint64(len(b)))
			h.skip -= n
			b = b[n:]
			continue
		}
		h.head[h.have] = b[0]
		h.have++
		b = b[1:]
		size, whole := h.payloadSize()
		if !whole {
			continue
		}
		if h.have = 0; h.head[1]&0x80 != 0 {
			h.skip = size + 4
		} else {
			h.skip = size
		}
		if h.skip < size { // not a valid length; the library rejects it
			h.skip = size
		}
		if h.isCounted(size) && !h.take() {
			return false
		}
	}
	return true
}

// payloadSize returns the length of the payload once the head is complete.
func (h *headReader) payloadSize() (payloadSize uint64, whole bool) {
	if h.have < 2 {
		return 0, false
	}
	switch n := h.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(h.head[2:])), h.have == 4
	case 127:
		return binary.BigEndian.Uint64(h.head[2:]), h.have == 10
	default:
		return uint64(n), true
	}
}

func (h *headReader) isCounted(size uint64) bool {
	isControl, isLast := h.head[0]&0x08 != 0, h.head[0]&0x80 != 0
	return isControl || !isLast && size < smallFragment
}

func (h *headReader) take() bool {
	now := time.Now()
	if h.last.IsZero() {
		h.tokens = h.rate * controlBurst
	} else {
		h.tokens = min(h.rate*controlBurst, h.tokens+now.Sub(h.last).Seconds()*h.rate)
	}
	h.last = now
	h.tokens--
	return h.tokens >= 0
}
