package methods_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

func dataURL(mime string, data []byte) string {
	return "data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(data)
}

// photo returns a small JPEG as cameras write it.
func photo(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for i := range 320 * 200 {
		img.Set(i%320, i/320, color.RGBA{R: uint8(i), G: uint8(i / 7), B: 90, A: 255})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func box(name string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), name...), body...)
}

// clip returns an MP4 container of three seconds without pictures.
func clip() []byte {
	head := make([]byte, 100)
	binary.BigEndian.PutUint32(head[12:], 1000)
	binary.BigEndian.PutUint32(head[16:], 3000)
	track := make([]byte, 84)
	binary.BigEndian.PutUint16(track[76:], 640)
	binary.BigEndian.PutUint16(track[80:], 360)
	return bytes.Join([][]byte{
		box("ftyp", []byte("isom\x00\x00\x02\x00isommp41")), box("moov", box("mvhd", head), box("trak", box("tkhd", track))), box("mdat", make([]byte, 500)),
	}, nil)
}

// voice returns an Ogg Opus recording of two seconds with growing packets.
func voice() []byte {
	page := func(granule uint64, sequence uint32, packets ...[]byte) []byte {
		out := append([]byte("OggS\x00\x00"), binary.LittleEndian.AppendUint64(nil, granule)...)
		out = append(out, 1, 0, 0, 0)
		out = binary.LittleEndian.AppendUint32(out, sequence)
		out = append(out, 0, 0, 0, 0)
		var lacing, body []byte
		for _, p := range packets {
			for n := len(p); ; n -= 255 {
				lacing = append(lacing, byte(min(n, 255)))
				if n < 255 {
					break
				}
			}
			body = append(body, p...)
		}
		return append(append(append(out, byte(len(lacing))), lacing...), body...)
	}
	const preSkip = 312
	head := append([]byte("OpusHead\x01\x01"), preSkip&0xff, preSkip>>8, 0x80, 0xbb, 0, 0, 0, 0, 0)
	out := append(page(0, 0, head), page(0, 1, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))...)
	var packets [][]byte
	for i := range 100 { // of 20 ms
		packets = append(packets, bytes.Repeat([]byte{byte(i)}, 20+i))
	}
	return append(out, page(2*48000+preSkip, 2, packets...)...)
}

// sticker returns a lossless WebP picture of one pixel.
func sticker(t *testing.T) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func report() []byte {
	return append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("quarterly figures\n"), 5000)...)
}
