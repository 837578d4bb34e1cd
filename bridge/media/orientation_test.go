package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// TestTurnedPhotos prepares photos with each EXIF orientation; the red corner of each is at the top left when shown.
func TestTurnedPhotos(t *testing.T) {
	corners := map[int][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {0, 1}, 7: {1, 1}, 8: {1, 0}} // stored
	for how, corner := range corners {
		for name, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
			img := image.NewRGBA(image.Rect(0, 0, 80, 40))
			for y := range 20 {
				for x := range 40 {
					img.Set(corner[0]*40+x, corner[1]*20+y, color.RGBA{255, 0, 0, 255})
				}
			}
			var out bytes.Buffer
			if err := jpeg.Encode(&out, img, nil); err != nil {
				t.Fatal(err)
			}
			exif := append([]byte("Exif\x00\x00"), name...)
			exif = order.AppendUint16(exif, 42)
			exif = order.AppendUint32(exif, 8)
			exif = order.AppendUint16(exif, 1)
			exif = order.AppendUint16(exif, tagOrientation)
			exif = order.AppendUint16(exif, 3)
			exif = order.AppendUint32(exif, 1)
			exif = order.AppendUint16(exif, uint16(how))
			exif = append(exif, 0, 0, 0, 0, 0, 0)
			content := append([]byte("\xff\xd8\xff\xe1"), binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
			content = append(append(content, exif...), out.Bytes()[2:]...)
			for _, kind := range []Kind{KindImage, KindDocument} {
				p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", content)}, kind)
				if err != nil {
					t.Fatal(err)
				}
				small, err := jpeg.Decode(bytes.NewReader(p.Thumbnail))
				if err != nil {
					t.Fatal(err)
				}
				width, height := 80, 40
				if how >= 5 {
					width, height = height, width
				}
				r, g, _, _ := small.At(5, 5).RGBA()
				if p.Width != width || p.Height != height || small.Bounds().Dx() != width || r < 0xa000 || g > 0x6000 {
					t.Errorf("orientation %d, %s: %d x %d, thumbnail %v, corner %x %x", how, name, p.Width, p.Height, small.Bounds(), r, g)
				}
				p.Close()
			}
		}
	}
}

// TestAnimatedWebPAsAnImage sends the first frame.
func TestAnimatedWebPAsAnImage(t *testing.T) {
	frame := append(make([]byte, 16), []byte("VP8L\x0d\x00\x00\x00")...)
	frame = append(frame, tinyWebP[20:33]...)
	content := encodeRIFF([]chunk{{"VP8X", []byte{vp8xAnimation | vp8xAlpha, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, {"ANIM", make([]byte, 6)}, {"ANMF", append(frame, 0)}, {"ANMF", append(frame, 0)}})
	p, err := newLibrary(t, Config{}).Prepare(t.Context(), "s", Input{Base64: data("", content)}, KindImage)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.MimeType != typeJPEG || p.Width != 1 || p.Height != 1 || p.Thumbnail == nil {
		t.Errorf("%s of %d x %d", p.MimeType, p.Width, p.Height)
	}
}
