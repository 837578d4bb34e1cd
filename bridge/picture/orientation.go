package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

const (
	upright        = 1
	tagOrientation = 0x0112
)

// orientation finds the EXIF orientation (1 to 8) of a JPEG; whatever cannot be
// read counts as upright.
func orientation(file []byte) int {
	tiff := exifOf(file)
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(tiff[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return upright
	}
	directory := int(order.Uint32(tiff[4:8]))
	if directory < 0 || directory > len(tiff)-2 {
		return upright
	}
	entries := tiff[directory+2:]
	for range order.Uint16(tiff[directory : directory+2]) {
		const entrySize = 12
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == tagOrientation {
			if value := int(order.Uint16(entries[8:10])); value >= 1 && value <= 8 {
				return value
			}
			break
		}
		entries = entries[entrySize:]
	}
	return upright
}

// exifOf walks the segments of a JPEG up to the pixels and returns the TIFF part of its EXIF segment.
func exifOf(file []byte) []byte {
	const (
		markerAPP1  = 0xE1
		markerScan  = 0xDA
		segmentHead = 4 // marker and length
	)
	rest := file
	if len(rest) < 2 {
		return nil
	}
	rest = rest[2:] // start of image
	for len(rest) >= segmentHead && rest[0] == 0xFF && rest[1] != markerScan {
		size := int(binary.BigEndian.Uint16(rest[2:4])) + 2 // the length does not count the marker
		if size < segmentHead || size > len(rest) {
			return nil
		}
		if tiff, isEXIF := bytes.CutPrefix(rest[segmentHead:size], []byte("Exif\x00\x00")); rest[1] == markerAPP1 && isEXIF {
			return tiff
		}
		rest = rest[size:]
	}
	return nil
}

// turn applies an EXIF orientation to a square image.
func turn(square *image.RGBA, orientation int) *image.RGBA {
	if orientation == upright {
		return square
	}
	last := square.Bounds().Dx() - 1
	// from tells which pixel of the file belongs at x, y of the picture as it was seen.
	from := map[int]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return last - x, y },
		3: func(x, y int) (int, int) { return last - x, last - y },
		4: func(x, y int) (int, int) { return x, last - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, last - x },
		7: func(x, y int) (int, int) { return last - y, last - x },
		8: func(x, y int) (int, int) { return last - y, x },
	}[orientation]
	turned := image.NewRGBA(square.Bounds())
	for y := 0; y <= last; y++ {
		for x := 0; x <= last; x++ {
			turned.SetRGBA(x, y, square.RGBAAt(from(x, y)))
		}
	}
	return turned
}
