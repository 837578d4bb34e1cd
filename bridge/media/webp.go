package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

const (
	stickerSide   = 512 // pixels WhatsApp wants
	maxSticker    = 1 << 20
	riffHeader    = 12
	vp8xAnimation = 0x02
	vp8xEXIF      = 0x08
	vp8xAlpha     = 0x10
)

// prepareSticker lets webp through and has anything else converted.
func (l *Library) prepareSticker(ctx context.Context, p *Prepared) error {
	switch {
	case p.MimeType == typeWebP:
	case strings.HasPrefix(p.MimeType, "image/"), strings.HasPrefix(p.MimeType, "video/"):
		arguments := stickerArguments
		if p.MimeType == typeGIF || strings.HasPrefix(p.MimeType, "video/") {
			arguments = movingStickerArguments
		}
		if err := l.convert(ctx, p, "a sticker needs a webp picture", typeWebP, arguments); err != nil {
			return err
		}
	default:
		return wrongKind(p, "a webp picture")
	}
	if p.Size > maxSticker {
		return tooLarge("", maxSticker)
	}
	chunks, err := readWebP(p.File)
	if err != nil {
		return badField("", "the file is a broken webp picture")
	}
	p.Width, p.Height, p.Animated = chunks.width, chunks.height, chunks.animated
	if p.Width > stickerSide || p.Height > stickerSide {
		return badField("", "a sticker may have %d x %d pixels at most, this one has %d x %d", stickerSide, stickerSide, p.Width, p.Height)
	}
	return nil
}

type webpFile struct {
	width, height   int
	animated, alpha bool
	body            []chunk
}

type chunk struct {
	name string
	data []byte
}

// readWebP takes the RIFF container apart.
func readWebP(f *File) (*webpFile, error) { return readWebPUpTo(f, maxSticker) }

// readWebPUpTo is readWebP for files of at most limit bytes.
func readWebPUpTo(f *File, limit int) (*webpFile, error) {
	if err := f.Rewind(); err != nil {
		return nil, err
	}
	all, err := io.ReadAll(io.LimitReader(f.File, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(all) < riffHeader+8 || len(all) > limit {
		return nil, io.ErrUnexpectedEOF
	}
	w := &webpFile{}
	for rest := all[riffHeader:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:8]))
		if size < 0 || size > len(rest)-8 {
			return nil, io.ErrUnexpectedEOF
		}
		data := rest[8 : 8+size]
		w.readChunk(name, data)
		w.body = append(w.body, chunk{name, data})
		rest = rest[min(len(rest), 8+size+size%2):]
	}
	if w.width == 0 || w.height == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return w, nil
}

func (w *webpFile) readChunk(name string, data []byte) {
	switch {
	case name == "VP8X" && len(data) >= 10:
		w.width, w.height = 1+int24(data[4:]), 1+int24(data[7:])
		w.animated, w.alpha = data[0]&vp8xAnimation != 0, data[0]&vp8xAlpha != 0
	case name == "VP8 " && len(data) >= 10 && w.width == 0:
		w.width, w.height = int(binary.LittleEndian.Uint16(data[6:]))&0x3fff, int(binary.LittleEndian.Uint16(data[8:]))&0x3fff
	case name == "VP8L" && len(data) >= 5 && w.width == 0:
		bits := binary.LittleEndian.Uint32(data[1:])
		w.width, w.height, w.alpha = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1, bits>>28&1 == 1
	}
}

func int24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// StickerPack describes the pack of a sticker, and the emojis under which apps offer the sticker.
type StickerPack struct {
	Emojis []string `json:"emojis"`
	ID     string   `json:"sticker-pack-id"`
	Name   string   `json:"sticker-pack-name"`
	Author string   `json:"sticker-pack-publisher"`
}

// NameStickerPack writes the description of a sticker's pack into the
// file, where WhatsApp's apps look for it.
func (l *Library) NameStickerPack(p *Prepared, pack StickerPack) error {
	w, err := readWebP(p.File)
	if err != nil {
		return badField("", "the file is a broken webp picture")
	}
	pack.Emojis = append([]string{}, pack.Emojis...) // never null
	about, err := json.Marshal(pack)
	if err != nil {
		return storageError("the sticker could not be written", err)
	}
	flags := byte(vp8xEXIF)
	for _, c := range w.body {
		flags |= metadataFlags[c.name]
	}
	if w.animated {
		flags |= vp8xAnimation
	}
	if w.alpha {
		flags |= vp8xAlpha
	}
	extended := []byte{
		flags, 0, 0, 0, byte(w.width - 1), byte((w.width - 1) >> 8), byte((w.width - 1) >> 16),
		byte(w.height - 1), byte((w.height - 1) >> 8), byte((w.height - 1) >> 16),
	}
	// The order is fixed: VP8X, ICCP, the picture, EXIF, XMP.
	var profile, picture, xmp []chunk
	for _, c := range w.body {
		switch c.name {
		case "VP8X", "EXIF":
		case "ICCP":
			profile = append(profile, c)
		case "XMP ":
			xmp = append(xmp, c)
		default:
			picture = append(picture, c)
		}
	}
	out := slices.Concat([]chunk{{"VP8X", extended}}, profile, picture, []chunk{{"EXIF", stickerEXIF(about)}}, xmp)
	return l.replaceContent(p, bytes.NewReader(encodeRIFF(out)), typeWebP)
}

// metadataFlags are the flags of VP8X for chunks that a file has.
var metadataFlags = map[string]byte{"ICCP": 0x20, "XMP ": 0x04}

// stickerEXIF is a TIFF with a single entry, tag 0x5741 ("WA"), that holds the JSON.
func stickerEXIF(about []byte) []byte {
	head := []byte{'I', 'I', 0x2a, 0, 8, 0, 0, 0, 1, 0, 0x41, 0x57, 7, 0, 0, 0, 0, 0, 0x16, 0, 0, 0}
	binary.LittleEndian.PutUint32(head[14:], uint32(len(about)))
	return append(head, about...)
}

func encodeRIFF(chunks []chunk) []byte {
	var body bytes.Buffer
	body.WriteString("WEBP")
	for _, c := range chunks {
		body.WriteString(c.name)
		_ = binary.Write(&body, binary.LittleEndian, uint32(len(c.data))) // a Buffer takes everything
		body.Write(c.data)
		if len(c.data)%2 == 1 {
			body.WriteByte(0)
		}
	}
	head := append([]byte("RIFF"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(head[4:], uint32(body.Len()))
	return append(head, body.Bytes()...)
}
