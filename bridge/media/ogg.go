package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	opusRate       = 48000 // granule positions count at this rate whatever the input had (RFC 7845, 4)
	waveformPoints = 64
	waveformTop    = 100
	maxOpusPackets = 200_000 // over an hour of 20 ms packets
)

// opusSound is what an ogg/opus file tells without decoding it.
type opusSound struct {
	duration time.Duration
	packets  []int // size of each audio packet in bytes
}

var errNotOpus = errors.New("not ogg/opus")

// readOpus walks the pages of an ogg file (RFC 3533) that holds opus (RFC 7845).
func readOpus(f *File) (*opusSound, error) {
	if err := f.Rewind(); err != nil {
		return nil, err
	}
	in := bufio.NewReader(f.File)
	var sound opusSound
	var preSkip, last int64
	packet, number := 0, 0
	var first []byte
	for {
		granule, segments, err := oggPage(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, length := range segments {
			data := make([]byte, length)
			if _, err := io.ReadFull(in, data); err != nil {
				return nil, errNotOpus
			}
			if number == 0 {
				first = append(first, data...)
			}
			packet += int(length)
			if length == 255 {
				continue // the packet goes on
			}
			if number == 0 {
				if len(first) < 19 || string(first[:8]) != "OpusHead" {
					return nil, errNotOpus
				}
				preSkip = int64(binary.LittleEndian.Uint16(first[10:]))
			}
			if number >= 2 { // after the header and the tags
				if len(sound.packets) >= maxOpusPackets {
					return nil, errNotOpus
				}
				sound.packets = append(sound.packets, packet)
			}
			packet = 0
			number++
		}
		if granule > 0 {
			last = granule
		}
	}
	if number == 0 {
		return nil, errNotOpus
	}
	sound.duration = time.Duration(max(0, last-preSkip)) * time.Second / opusRate
	return &sound, nil
}

// oggPage reads a page header and leaves the reader at the page's body.
func oggPage(in *bufio.Reader) (granule int64, segments []byte, err error) {
	var head [27]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil, io.EOF
		}
		return 0, nil, errNotOpus
	}
	if string(head[:4]) != "OggS" || head[4] != 0 {
		return 0, nil, errNotOpus
	}
	segments = make([]byte, head[26])
	if _, err := io.ReadFull(in, segments); err != nil {
		return 0, nil, errNotOpus
	}
	return int64(binary.LittleEndian.Uint64(head[6:])), segments, nil
}

// waveform draws the loudness of a voice note. Nothing here decodes opus; the
// size of a packet stands in for its loudness, since opus spends few bytes on
// silence and many on speech.
func (s *opusSound) waveform() []byte {
	if len(s.packets) == 0 {
		return nil
	}
	sums := make([]float64, waveformPoints)
	top := 0.0
	for i := range sums {
		from := i * len(s.packets) / waveformPoints
		to := max(from+1, (i+1)*len(s.packets)/waveformPoints)
		for _, size := range s.packets[from:min(to, len(s.packets))] {
			sums[i] += float64(size)
		}
		sums[i] /= float64(to - from)
		top = max(top, sums[i])
	}
	out := make([]byte, waveformPoints)
	if top == 0 {
		return out
	}
	for i, sum := range sums {
		out[i] = byte(sum / top * waveformTop)
	}
	return out
}
