package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// quarters paints a wide image whose middle square has four colours: red, green above blue, white.
func quarters(width, side int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, side))
	left := (width - side) / 2
	for y := range side {
		for x := range width {
			c := color.RGBA{0, 0, 0, 255}
			if x >= left && x < left+side {
				right, below := x-left >= side/2, y >= side/2
				switch {
				case !right && !below:
					c = color.RGBA{255, 0, 0, 255}
				case right && !below:
					c = color.RGBA{0, 255, 0, 255}
				case !right && below:
					c = color.RGBA{0, 0, 255, 255}
				default:
					c = color.RGBA{255, 255, 255, 255}
				}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func name(c color.Color) string {
	r, g, b, _ := c.RGBA()
	bright := func(v uint32) bool { return v > 0x8000 }
	switch {
	case bright(r) && bright(g) && bright(b):
		return "white"
	case bright(r) && !bright(g) && !bright(b):
		return "red"
	case bright(g) && !bright(r) && !bright(b):
		return "green"
	case bright(b) && !bright(r) && !bright(g):
		return "blue"
	}
	return "other"
}

// corners reads the four quarters of the result, row by row.
func corners(t *testing.T, file []byte) (side int, names [4]string) {
	t.Helper()
	img, kind, err := image.Decode(bytes.NewReader(file))
	if err != nil || kind != "jpeg" {
		t.Fatalf("the result is %q, %v", kind, err)
	}
	bounds := img.Bounds()
	if bounds.Dx() != bounds.Dy() {
		t.Fatalf("not square: %v", bounds)
	}
	side = bounds.Dx()
	for i := range names {
		names[i] = name(img.At(side/4+(i%2)*side/2, side/4+(i/2)*side/2))
	}
	return side, names
}

func encode(t *testing.T, img image.Image, orientation int) []byte {
	t.Helper()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, img, nil); err != nil {
		t.Fatal(err)
	}
	if orientation == 0 {
		return plain.Bytes()
	}
	tiff := []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0}
	segment := append([]byte("Exif\x00\x00"), tiff...)
	head := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(segment)+2))
	return append(append(head, segment...), plain.Bytes()[2:]...)
}

func TestSquareCropsAndTurns(t *testing.T) {
	for orientation, want := range map[int][4]string{
		0: {"red", "green", "blue", "white"},
		1: {"red", "green", "blue", "white"},
		2: {"green", "red", "white", "blue"},
		3: {"white", "blue", "green", "red"},
		4: {"blue", "white", "red", "green"},
		5: {"red", "blue", "green", "white"},
		6: {"blue", "red", "white", "green"},
		7: {"white", "green", "blue", "red"},
		8: {"green", "white", "red", "blue"},
	} {
		out, err := Square(encode(t, quarters(300, 200), orientation))
		if err != nil {
			t.Fatalf("orientation %d: %v", orientation, err)
		}
		if side, names := corners(t, out); names != want || side != 200 {
			t.Errorf("orientation %d: side %d, %v, want %v", orientation, side, names, want)
		}
	}
}

func TestSquareScalesDown(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, quarters(1500, 1200)); err != nil {
		t.Fatal(err)
	}
	out, err := Square(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if side, names := corners(t, out); side != Side || names != [4]string{"red", "green", "blue", "white"} {
		t.Errorf("side %d, %v", side, names)
	}
}

func TestSquareMakesTransparencyWhite(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewNRGBA(image.Rect(0, 0, 10, 10))); err != nil {
		t.Fatal(err)
	}
	out, err := Square(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, names := corners(t, out); names[0] != "white" {
		t.Errorf("transparent became %s", names[0])
	}
}

func TestSquareRefuses(t *testing.T) {
	good := encode(t, quarters(30, 20), 6)
	bomb := bytes.Clone(good)
	// The height and width in the start-of-frame segment.
	frame := bytes.Index(bomb, []byte{0xFF, 0xC0})
	binary.BigEndian.PutUint16(bomb[frame+5:], 65000)
	binary.BigEndian.PutUint16(bomb[frame+7:], 65000)
	for what, tc := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":   {nil, ErrNotImage},
		"text":      {[]byte("<svg>hello</svg>"), ErrNotImage},
		"truncated": {good[:len(good)/2], ErrNotImage},
		"bomb":      {bomb, ErrTooLarge},
	} {
		if _, err := Square(tc.file); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", what, err, tc.want)
		}
	}
}

func FuzzSquare(f *testing.F) {
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xE1, 0, 8, 'E', 'x', 'i', 'f', 0, 0})
	f.Fuzz(func(_ *testing.T, file []byte) {
		orientation(file)
	})
}
