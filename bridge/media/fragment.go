package media

import (
	"encoding/binary"
	"io"
	"time"
)

// fragments add up the length of a fragmented movie (ISO/IEC 14496-12, 8.8), whose header announces none.
type fragments struct {
	scale    uint64            // of the movie
	announce uint64            // by mehd, in the movie's scale; 0 = not
	track    uint32            // whose boxes are read
	scales   map[uint32]uint64 // of tracks
	defaults map[uint32]uint64 // length of a sample
	current  uint64            // length of a sample in the fragment that is read
	sums     map[uint32]uint64
}

const maxTracks = 100

func (f *fragments) setTrack(m *map[uint32]uint64, value uint64) {
	if *m == nil {
		*m = map[uint32]uint64{}
	}
	if len(*m) < maxTracks {
		(*m)[f.track] = value
	}
}

func (f *fragments) duration() time.Duration {
	if f.announce > 0 && f.scale > 0 {
		return samplesToTime(int64(f.announce), int64(f.scale))
	}
	var longest time.Duration
	for track, sum := range f.sums {
		longest = max(longest, samplesToTime(int64(sum), int64(f.scales[track])))
	}
	return longest
}

func (w *boxWalker) mediaHeader(at, size int64) error {
	var b [24]byte
	if size < 24 {
		return io.ErrUnexpectedEOF
	}
	if _, err := w.r.ReadAt(b[:], at); err != nil {
		return err
	}
	scale := binary.BigEndian.Uint32(b[12:])
	if b[0] == 1 {
		scale = binary.BigEndian.Uint32(b[20:])
	}
	w.setTrack(&w.scales, uint64(scale))
	return nil
}

// fragment reads a box that says how long samples are.
func (w *boxWalker) fragment(name string, at, size int64) error {
	if size < 8 || size > 1<<20 {
		return nil
	}
	b := make([]byte, size)
	if _, err := w.r.ReadAt(b, at); err != nil {
		return err
	}
	number := func(offset int) uint64 {
		if offset+4 > len(b) {
			return 0
		}
		return uint64(binary.BigEndian.Uint32(b[offset:]))
	}
	flags := number(0) & 0xffffff
	switch name {
	case "mehd":
		if w.announce = number(4); b[0] == 1 && size >= 12 {
			w.announce = binary.BigEndian.Uint64(b[4:])
		}
	case "trex":
		w.track = uint32(number(4))
		w.setTrack(&w.defaults, number(12))
	case "tfhd":
		w.track = uint32(number(4))
		w.current = w.defaults[w.track]
		offset := 8
		if flags&1 != 0 {
			offset += 8
		}
		if flags&2 != 0 {
			offset += 4
		}
		if flags&8 != 0 {
			w.current = number(offset)
		}
	case "trun":
		w.setTrack(&w.sums, w.sums[w.track]+runLength(number, flags, w.current, len(b)))
	}
	return nil
}

// runLength adds up the samples of a run.
func runLength(number func(int) uint64, flags, each uint64, size int) (sum uint64) {
	count := number(4)
	if flags&0x100 == 0 {
		return count * each
	}
	offset, step := 8, 0
	for _, flag := range []uint64{1, 4} {
		if flags&flag != 0 {
			offset += 4
		}
	}
	for flag := uint64(0x100); flag <= 0x800; flag <<= 1 {
		if flags&flag != 0 {
			step += 4
		}
	}
	for ; count > 0 && offset+4 <= size; count, offset = count-1, offset+step {
		sum += number(offset)
	}
	return sum
}
