package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // accepted input
	"image/jpeg"
	_ "image/png" // accepted input

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // accepted input
)

const (
	// Side is the longest side of the result in pixels; WhatsApp's own clients upload pictures of this size.
	Side = 640
	// maxPixels bounds an input: a file of some kilobytes can claim to hold gigabytes of pixels. A decoded pixel
	// takes 4 bytes, so that one picture needs 160 MiB at most.
	maxPixels = 40 << 20
	quality   = 85
)

// Errors of Square. Both are the caller's: the bytes are not a usable image.
var (
	ErrNotImage = errors.New("picture: not a JPEG, PNG, GIF or WebP image")
	ErrTooLarge = errors.New("picture: too many pixels")
)

// Square crops the middle of an image to a square, scales it down to Side and
// encodes it as JPEG. Images smaller than Side keep their size. The orientation
// a camera noted is applied, transparent parts become white.
func Square(file []byte) ([]byte, error) {
	config, kind, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotImage, err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return nil, ErrNotImage
	}
	if config.Width > maxPixels/config.Height {
		return nil, ErrTooLarge
	}
	source, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotImage, err)
	}
	middle := middleSquare(source.Bounds())
	side := min(middle.Dx(), Side)
	square := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(square, square.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.CatmullRom.Scale(square, square.Bounds(), source, middle, draw.Over, nil)
	if kind == "jpeg" {
		square = turn(square, orientation(file))
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, square, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("picture: encode: %w", err)
	}
	return out.Bytes(), nil
}

func middleSquare(bounds image.Rectangle) image.Rectangle {
	side := min(bounds.Dx(), bounds.Dy())
	corner := bounds.Min.Add(image.Pt((bounds.Dx()-side)/2, (bounds.Dy()-side)/2))
	return image.Rectangle{Min: corner, Max: corner.Add(image.Pt(side, side))}
}
