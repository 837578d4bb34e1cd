package media

import (
	"encoding/binary"
	"image"
	"io"
)

const (
	maxAnimation   = 16 << 20  // bytes of an animated picture whose first frame is read
	maxExif        = 256 << 10 // bytes at the beginning of a JPEG file that are searched for EXIF
	tagOrientation = 0x0112
)

// orientation returns how a JPEG picture is to be turned, as its EXIF block says (TIFF 6.0, tag 274): 1 = as it is, 5 to
// 8 = by a quarter.
func orientation(r io.ReaderAt) int {
	b := make([]byte, maxExif)
	n, err := r.ReadAt(b, 0)
	if err != nil && n == 0 {
		return 1
	}
	b = b[:n]
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 {
		return 1
	}
	for at := 2; at+4 <= len(b) && b[at] == 0xff && b[at+1] != 0xda; {
		length := int(binary.BigEndian.Uint16(b[at+2:]))
		if length < 2 || at+2+length > len(b) {
			return 1
		}
		segment := b[at+4 : at+2+length]
		if b[at+1] == 0xe1 && len(segment) > 14 && string(segment[:6]) == "Exif\x00\x00" {
			return tiffOrientation(segment[6:])
		}
		at += 2 + length
	}
	return 1
}

// tiffOrientation looks the tag up in the first directory of a TIFF structure.
func tiffOrientation(b []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if string(b[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	entries := int64(order.Uint16(b[at:]))
	for at += 2; entries > 0 && at+12 <= int64(len(b)); entries, at = entries-1, at+12 {
		if order.Uint16(b[at:]) == tagOrientation {
			if value := int(order.Uint16(b[at+8:])); value >= 1 && value <= 8 {
				return value
			}
			return 1
		}
	}
	return 1
}

// orientImage returns a picture as it is to be shown. Small pictures only: it reads every pixel through an interface.
func orientImage(img image.Image, how int) image.Image {
	if how <= 1 {
		return img
	}
	from := img.Bounds()
	width, height := from.Dx(), from.Dy()
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	if how >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, height, width))
	}
	for y := range height {
		for x := range width {
			toX, toY := x, y
			switch how {
			case 2:
				toX = width - 1 - x
			case 3:
				toX, toY = width-1-x, height-1-y
			case 4:
				toY = height - 1 - y
			case 5:
				toX, toY = y, x
			case 6:
				toX, toY = height-1-y, x
			case 7:
				toX, toY = height-1-y, width-1-x
			case 8:
				toX, toY = y, width-1-x
			}
			out.Set(toX, toY, img.At(from.Min.X+x, from.Min.Y+y))
		}
	}
	return out
}

// firstFrame returns the first frame of an animated WebP file as a file of its own; nil = it has none.
func firstFrame(f *File) []byte {
	w, err := readWebPUpTo(f, maxAnimation)
	if err != nil || !w.animated {
		return nil
	}
	for _, c := range w.body {
		if c.name != "ANMF" || len(c.data) < 24 {
			continue
		}
		size := c.data[6:12] // width and height, each less one
		frame := []chunk{{"VP8X", append([]byte{0, 0, 0, 0}, size...)}}
		for rest := c.data[16:]; len(rest) >= 8; {
			length := int(binary.LittleEndian.Uint32(rest[4:]))
			if length < 0 || length > len(rest)-8 {
				return nil
			}
			name := string(rest[:4])
			if name == "ALPH" || name == "VP8L" {
				frame[0].data[0] = vp8xAlpha
			}
			inner := &webpFile{} // a frame may not be larger than the picture, whose pixels were checked
			if inner.readChunk(name, rest[8:8+length]); inner.width > w.width || inner.height > w.height {
				return nil
			}
			frame = append(frame, chunk{name, rest[8 : 8+length]})
			rest = rest[min(len(rest), 8+length+length%2):]
		}
		return encodeRIFF(frame)
	}
	return nil
}
