package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	opusRate       = 48000 // granule positions count at this rate for any input rate (RFC 7845, 4)
	waveformPoints = 64
	waveformTop    = 100
	maxOpusPackets = 200_000 // over an hour of 20 ms packets
)

// opusSound has the properties of an ogg/opus file that need no decoding.
type opusSound struct {
	duration time.Duration
	packets  []int // size of each audio packet in bytes
	vorbis   bool  // a stream is Vorbis, not Opus
}

var errNotOpus = errors.New("not ogg/opus")

// readOpus is readOgg for files that hold Opus alone.
func readOpus(f *File) (*opusSound, error) {
	sound, err := readOgg(f)
	if err == nil && sound.vorbis {
		return nil, errNotOpus
	}
	return sound, err
}

// readOgg walks the pages of an ogg file (RFC 3533) that holds Opus (RFC 7845) or Vorbis. Joined files are as
// long as their streams together.
func readOgg(f *File) (*opusSound, error) {
	if err := f.Rewind(); err != nil {
		return nil, err
	}
	in := bufio.NewReader(f.File)
	var sound opusSound
	var preSkip, last int64
	packet, number := 0, 0
	var first []byte
	rate := int64(opusRate)
	for {
		granule, begins, segments, err := oggPage(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if begins && number > 0 { // another stream follows, as in joined files
			sound.duration += samplesToTime(last-preSkip, rate)
			packet, number, first, last = 0, 0, nil, 0
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
				switch {
				case len(first) >= 19 && string(first[:8]) == "OpusHead":
					preSkip, rate = int64(binary.LittleEndian.Uint16(first[10:])), opusRate
				case len(first) >= 16 && string(first[:7]) == "\x01vorbis":
					preSkip, rate, sound.vorbis = 0, int64(binary.LittleEndian.Uint32(first[12:])), true
				default:
					return nil, errNotOpus
				}
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
	sound.duration += samplesToTime(last-preSkip, rate)
	return &sound, nil
}

// oggPage reads a page header and leaves the reader at the page's body.
func oggPage(in *bufio.Reader) (granule int64, begins bool, segments []byte, err error) {
	var head [27]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, false, nil, io.EOF
		}
		return 0, false, nil, errNotOpus
	}
	if string(head[:4]) != "OggS" || head[4] != 0 {
		return 0, false, nil, errNotOpus
	}
	segments = make([]byte, head[26])
	if _, err := io.ReadFull(in, segments); err != nil {
		return 0, false, nil, errNotOpus
	}
	return int64(binary.LittleEndian.Uint64(head[6:])), head[5]&2 != 0, segments, nil
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
