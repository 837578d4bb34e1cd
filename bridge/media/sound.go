package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

func samplesToTime(samples, rate int64) time.Duration {
	if rate <= 0 || samples <= 0 {
		return 0
	}
	return time.Duration(float64(samples) / float64(rate) * float64(time.Second))
}

// wavDuration returns the length of a RIFF/WAVE file: the size of its data chunk by its bytes per second; 0 = unknown.
func wavDuration(r io.ReaderAt, size int64) time.Duration {
	var perSecond int64
	for at, n := int64(12), 0; at+8 <= size && n < maxBoxes; n++ {
		var head [20]byte
		if _, err := r.ReadAt(head[:min(20, size-at)], at); err != nil {
			return 0
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			perSecond = int64(binary.LittleEndian.Uint32(head[16:]))
		case "data":
			return samplesToTime(min(length, size-at-8), perSecond) // a stream announces all ones
		}
		at += 8 + length + length%2
	}
	return 0
}

// flacDuration returns the length that the STREAMINFO block of a FLAC file announces; 0 = unknown.
func flacDuration(r io.ReaderAt) time.Duration {
	var b [26]byte
	if _, err := r.ReadAt(b[:], 0); err != nil || string(b[:4]) != "fLaC" {
		return 0
	}
	packed := binary.BigEndian.Uint64(b[18:])
	return samplesToTime(int64(packed&(1<<36-1)), int64(packed>>44))
}

// amrFrames are the sizes of AMR and AMR-WB frames of 20 ms by their type, without the type's byte (RFC 4867, 5).
var amrFrames = map[string][16]int{
	"#!AMR\n":    {12, 13, 15, 17, 19, 20, 26, 31, 5},
	"#!AMR-WB\n": {17, 23, 32, 36, 40, 46, 50, 58, 60, 5},
}

// amrDuration counts the frames of an AMR file.
func amrDuration(in *bufio.Reader) time.Duration {
	magic, err := in.ReadString('\n')
	sizes, known := amrFrames[magic]
	if err != nil || !known {
		return 0
	}
	frames := 0
	for {
		head, err := in.ReadByte()
		if err != nil {
			break
		}
		if _, err := in.Discard(sizes[head>>3&15]); err != nil {
			break
		}
		frames++
	}
	return time.Duration(frames) * 20 * time.Millisecond
}

// skipID3 skips an ID3v2 tag.
func skipID3(in *bufio.Reader) {
	head, err := in.Peek(10)
	if err == nil && string(head[:3]) == "ID3" {
		_, _ = in.Discard(10 + int(head[6]&0x7f)<<21 + int(head[7]&0x7f)<<14 + int(head[8]&0x7f)<<7 + int(head[9]&0x7f)) // ends at the end
	}
}

var aacRates = [16]int64{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// aacDuration adds up the frames of an ADTS stream (ISO/IEC 14496-3, 1.A.3.2).
func aacDuration(in *bufio.Reader) time.Duration {
	skipID3(in)
	var samples, rate int64
	for {
		head, err := in.Peek(7)
		if err != nil || head[0] != 0xff || head[1]&0xf6 != 0xf0 {
			break
		}
		length := int(head[3]&3)<<11 | int(head[4])<<3 | int(head[5])>>5
		if rate == 0 {
			rate = aacRates[head[2]>>2&15]
		}
		samples += 1024 * int64(head[6]&3+1)
		if _, err := in.Discard(max(length, 7)); err != nil {
			break
		}
	}
	return samplesToTime(samples, rate)
}

var (
	mp3Rates    = [4]int64{44100, 48000, 32000, 0}
	mp3Bitrates = [2][4][16]int{ // kbit/s by version (1; 2 and 2.5) and layer
		{{}, {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}, {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}, {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448}},
		{{}, {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}, {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}, {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256}},
	}
)

// mp3Frame reads the header of an MPEG audio frame; length 0 = it is none.
func mp3Frame(head []byte) (length int, samples, rate int64) {
	version, layer := int(head[1]>>3&3), int(head[1]>>1&3) // 3 = MPEG 1, 2 = 2, 0 = 2.5; 1 = layer III, 3 = I
	if head[0] != 0xff || head[1]&0xe0 != 0xe0 || version == 1 || layer == 0 {
		return 0, 0, 0
	}
	low := 0
	rate = mp3Rates[head[2]>>2&3]
	if version != 3 {
		low, rate = 1, rate/2
	}
	if version == 0 {
		rate /= 2
	}
	bitrate := mp3Bitrates[low][layer][head[2]>>4] * 1000
	if rate == 0 || bitrate == 0 {
		return 0, 0, 0
	}
	padding := int(head[2] >> 1 & 1)
	switch {
	case layer == 3:
		return (12*bitrate/int(rate) + padding) * 4, 384, rate
	case layer == 1 && low == 1:
		samples = 576
	default:
		samples = 1152
	}
	return int(samples)/8*bitrate/int(rate) + padding, samples, rate
}

// mp3Duration adds up the frames of an MPEG audio stream, of constant or variable bit rate. A first frame that only holds
// a Xing, Info or VBRI header is no sound.
func mp3Duration(in *bufio.Reader) time.Duration {
	skipID3(in)
	var total, rate int64
	for first := true; ; {
		head, err := in.Peek(4)
		if err != nil {
			break
		}
		length, samples, frameRate := mp3Frame(head)
		if length < 4 {
			if _, err := in.Discard(1); err != nil {
				break
			}
			continue
		}
		if first {
			frame, _ := in.Peek(min(length, 200)) // shorter at the end
			if bytes.Contains(frame, []byte("Xing")) || bytes.Contains(frame, []byte("Info")) || bytes.Contains(frame, []byte("VBRI")) {
				samples = 0
			}
			first, rate = false, frameRate
		}
		total += samples
		if _, err := in.Discard(length); err != nil {
			break
		}
	}
	return samplesToTime(total, rate)
}
