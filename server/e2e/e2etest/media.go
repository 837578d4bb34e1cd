package e2etest

import (
	"bytes"
	"encoding/base64"
	endian "encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// The files of these tests are small, complete and valid in their formats.

func painting(seed, width, height int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(x * seed), G: uint8(y*3 + seed), B: uint8(x * y), A: 255})
		}
	}
	return img
}

// JPEGFile returns a picture of 320 by 200 pixels.
func JPEGFile(t *testing.T, seed int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, painting(seed, 320, 200), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// PNGFile returns a picture of 48 by 32 pixels.
func PNGFile(t *testing.T, seed int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, painting(seed, 48, 32)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// WebPFile returns a lossless picture of one pixel with a distinct comment, in the extended format.
func WebPFile(t *testing.T, seed int) []byte {
	t.Helper()
	simple, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	const hasXMP = 1 << 2
	body := append([]byte("WEBP"), riffChunk("VP8X", []byte{hasXMP, 0, 0, 0, 0, 0, 0, 0, 0, 0})...) // canvas of 1 by 1
	body = append(body, simple[12:]...)                                                             // its VP8L chunk
	body = append(body, riffChunk("XMP ", fmt.Appendf(nil, "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><!-- %d --></x:xmpmeta>", seed))...)
	return riffChunk("RIFF", body)
}

func riffChunk(name string, body []byte) []byte {
	out := append(endian.LittleEndian.AppendUint32([]byte(name), uint32(len(body))), body...)
	if len(body)%2 != 0 {
		out = append(out, 0)
	}
	return out
}

// WAVFile returns half a second of a tone: 8 kHz, 16 bits, mono.
func WAVFile(seed int) []byte {
	const rate, samples = 8000, 4000
	format := endian.LittleEndian.AppendUint16(nil, 1)      // PCM
	format = endian.LittleEndian.AppendUint16(format, 1)    // channels
	format = endian.LittleEndian.AppendUint32(format, rate) // samples a second
	format = endian.LittleEndian.AppendUint32(format, rate*2)
	format = endian.LittleEndian.AppendUint16(format, 2)
	format = endian.LittleEndian.AppendUint16(format, 16)
	var data []byte
	for i := range samples {
		data = endian.LittleEndian.AppendUint16(data, uint16(int16((i*(20+seed)%256-128)*100)))
	}
	return riffChunk("RIFF", bytes.Join([][]byte{[]byte("WAVE"), riffChunk("fmt ", format), riffChunk("data", data)}, nil))
}

// OpusFile returns two seconds of silence in Ogg (RFC 3533, RFC 7845), with valid checksums.
func OpusFile(seed int) []byte {
	const preSkip, packets = 312, 100 // of 20 ms
	head := append([]byte("OpusHead\x01\x01"), preSkip&0xff, preSkip>>8, 0x80, 0xbb, 0, 0, 0, 0, 0)
	vendor := fmt.Sprintf("test %d", seed)
	tags := append(endian.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor))), vendor...)
	tags = append(tags, 0, 0, 0, 0)
	silence := make([][]byte, packets)
	for i := range silence {
		silence[i] = []byte{0xf8, 0xff, 0xfe}
	}
	out := oggPage(2, 0, 0, head)
	out = append(out, oggPage(0, 0, 1, tags)...)
	return append(out, oggPage(4, 2*48000+preSkip, 2, silence...)...)
}

func oggPage(flags byte, granule uint64, sequence uint32, packets ...[]byte) []byte {
	out := append([]byte("OggS\x00"), flags)
	out = endian.LittleEndian.AppendUint64(out, granule)
	out = endian.LittleEndian.AppendUint32(out, 1) // stream
	out = endian.LittleEndian.AppendUint32(out, sequence)
	out = append(out, 0, 0, 0, 0, byte(len(packets)))
	for _, p := range packets {
		out = append(out, byte(len(p))) // each is shorter than a segment
	}
	out = append(out, bytes.Join(packets, nil)...)
	endian.LittleEndian.PutUint32(out[22:], oggSum(out))
	return out
}

// oggSum is the CRC-32 of Ogg, with the reverse bit order of hash/crc32.
func oggSum(data []byte) (sum uint32) {
	for _, b := range data {
		sum ^= uint32(b) << 24
		for range 8 {
			if sum&(1<<31) != 0 {
				sum = sum<<1 ^ 0x04c11db7
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// PDFFile returns an empty page with a correct cross-reference table.
func PDFFile(seed int) []byte {
	out := fmt.Appendf(nil, "%%PDF-1.4\n%% %d\n", seed)
	var offsets []int
	for i, body := range []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>",
	} {
		offsets = append(offsets, len(out))
		out = fmt.Appendf(out, "%d 0 obj%sendobj\n", i+1, body)
	}
	table := len(out)
	out = append(out, "xref\n0 4\n0000000000 65535 f \n"...)
	for _, offset := range offsets {
		out = fmt.Appendf(out, "%010d 00000 n \n", offset)
	}
	return fmt.Appendf(out, "trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", table)
}

// MP4File returns a video of three seconds with one uncompressed H.264 frame of 16 by 16 pixels.
func MP4File(seed int) []byte {
	sps, pps := []byte{0x67, 0x42, 0xc0, 0x0a, 0xdd, 0xe4}, []byte{0x68, 0xce, 0x38, 0x80}
	frame := []byte{0x65, 0x88, 0x84, 0x86, 0x80} // slice and macroblock headers: IDR, I_PCM
	for i := range 256 + 64 + 64 {
		frame = append(frame, byte(1+(i*seed)%200)) // luma, then both chromas
	}
	frame = append(frame, 0x80)
	sample := append(endian.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)

	be32 := func(values ...uint32) (out []byte) {
		for _, v := range values {
			out = endian.BigEndian.AppendUint32(out, v)
		}
		return out
	}
	const scale, length = 1000, 3000
	unity := be32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
	header := box("mvhd", be32(0, 0, 0, scale, length, 0x10000, 0x01000000, 0, 0), unity, make([]byte, 24), be32(2))
	track := box("tkhd", be32(3, 0, 0, 1, 0, length, 0, 0, 0, 0), unity, be32(16<<16, 16<<16))
	codec := bytes.Join([][]byte{{1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, byte(len(sps))}, sps, {1, 0, byte(len(pps))}, pps}, nil)
	entry := box("avc1", be32(0, 1), make([]byte, 16), be32(16<<16|16, 72<<16, 72<<16, 0, 1<<16), make([]byte, 30),
		[]byte{0, 24, 0xff, 0xff}, box("avcC", codec))
	kind := box("ftyp", []byte("isom\x00\x00\x02\x00isomavc1mp41"))
	// The one frame follows the first box and the header of mdat.
	table := box("stbl", box("stsd", be32(0, 1), entry), box("stts", be32(0, 1, 1, length)), box("stsc", be32(0, 1, 1, 1, 1)),
		box("stsz", be32(0, 0, 1, uint32(len(sample)))), box("stco", be32(0, 1, uint32(len(kind)+8))))
	media := box("mdia", box("mdhd", be32(0, 0, 0, scale, length, 0x55c40000)), box("hdlr", be32(0, 0), []byte("vide"), make([]byte, 13)),
		box("minf", box("vmhd", be32(1, 0, 0)), box("dinf", box("dref", be32(0, 1), box("url ", be32(1)))), table))
	return bytes.Join([][]byte{kind, box("mdat", sample), box("moov", header, box("trak", track, media))}, nil)
}

func box(name string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(endian.BigEndian.AppendUint32(nil, uint32(8+len(body))), name...), body...)
}
