package media

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// sniffLength is how much of a file is looked at to tell its type.
const sniffLength = 4096

// The types that matter by name.
const (
	typeJPEG  = "image/jpeg"
	typePNG   = "image/png"
	typeGIF   = "image/gif"
	typeWebP  = "image/webp"
	typeMP4   = "video/mp4"
	type3GP   = "video/3gpp"
	typeOgg   = "audio/ogg"
	typeMPEG  = "audio/mpeg"
	typeAAC   = "audio/aac"
	typeM4A   = "audio/mp4"
	typeAMR   = "audio/amr"
	typeWAV   = "audio/wav"
	typePDF   = "application/pdf"
	typeZip   = "application/zip"
	typeText  = "text/plain"
	typeBytes = "application/octet-stream" // nothing is known
)

// sniff tells the type of a file from its first bytes.
func sniff(head []byte) string {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return typeJPEG
	case has(0, "\x89PNG\r\n\x1a\n"):
		return typePNG
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return typeGIF
	case has(0, "RIFF") && has(8, "WEBP"):
		return typeWebP
	case has(0, "RIFF") && has(8, "WAVE"):
		return typeWAV
	case has(0, "OggS"):
		if bytes.Contains(head[:min(len(head), 128)], []byte("OpusHead")) || bytes.Contains(head[:min(len(head), 128)], []byte("vorbis")) {
			return typeOgg
		}
		return "application/ogg"
	case has(4, "ftyp"):
		return sniffBrand(head)
	case has(0, "#!AMR"):
		return typeAMR
	case has(0, "ID3"):
		return typeMPEG
	case len(head) > 1 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		return typeAAC // ADTS: sync word with layer 0
	case len(head) > 2 && head[0] == 0xff && head[1]&0xe0 == 0xe0 && head[1]&0x06 != 0 && head[2]&0xf0 != 0xf0:
		return typeMPEG
	case has(0, "%PDF-"):
		return typePDF
	case has(0, "PK\x03\x04"), has(0, "PK\x05\x06"):
		return typeZip
	}
	switch guess, _, _ := mime.ParseMediaType(http.DetectContentType(head)); {
	case guess == typeText && !looksLikeText(head):
		return typeBytes
	default:
		return guess
	}
}

func sniffBrand(head []byte) string {
	if len(head) < 12 {
		return typeMP4
	}
	switch brand := string(head[8:12]); {
	case strings.HasPrefix(brand, "3g"):
		return type3GP
	case brand == "M4A ", brand == "M4B ":
		return typeM4A
	case brand == "qt  ":
		return "video/quicktime"
	case strings.HasPrefix(brand, "hei"), strings.HasPrefix(brand, "mif"):
		return "image/heic"
	case strings.HasPrefix(brand, "avif"):
		return "image/avif"
	}
	return typeMP4
}

func looksLikeText(head []byte) bool {
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 {
			return len(head)-i < utf8.UTFMax && len(head) == sniffLength // cut inside a character
		}
		i += size
	}
	return true
}

// otherNames maps the names of types people write to the one used here.
var otherNames = map[string]string{
	"image/jpg": typeJPEG, "image/pjpeg": typeJPEG, "image/x-png": typePNG,
	"audio/mp3": typeMPEG, "audio/x-mp3": typeMPEG, "audio/mpeg3": typeMPEG, "audio/opus": typeOgg, "application/ogg": typeOgg, "audio/x-ogg": typeOgg,
	"audio/x-wav": typeWAV, "audio/wave": typeWAV, "audio/vnd.wave": typeWAV,
	"audio/x-m4a": typeM4A, "audio/m4a": typeM4A, "audio/aacp": typeAAC, "audio/x-aac": typeAAC,
	"application/x-pdf": typePDF, "application/x-zip-compressed": typeZip, "video/3gp": type3GP,
}

// canonical brings a MIME type into the form used here, without parameters.
func canonical(name string) (string, bool) {
	base, _, err := mime.ParseMediaType(name)
	if err != nil || !strings.Contains(base, "/") {
		return "", false
	}
	if known, ok := otherNames[base]; ok {
		return known, true
	}
	return base, true
}

// recognised are the types sniff always knows: a file that claims one of them
// and is something else lies.
var recognised = map[string]bool{
	typeJPEG: true, typePNG: true, typeGIF: true, typeWebP: true, typeMP4: true, type3GP: true, typeOgg: true, typeMPEG: true,
	typeAAC: true, typeM4A: true, typeWAV: true, typePDF: true, typeZip: true, typeAMR: true,
}

// agree tells whether a file found to be one type may be called another.
func agree(claimed, found string) bool {
	switch {
	case claimed == found, claimed == typeBytes:
		return true
	case isoFamily(claimed) && isoFamily(found):
		return true // one container; brands are used loosely
	case found == typeZip:
		return !recognised[claimed] && !strings.HasPrefix(claimed, "text/") // office formats, packages, books
	case recognised[claimed], recognised[found]:
		return false
	case found == typeText:
		return !binaryClass(claimed)
	}
	return true
}

func isoFamily(name string) bool {
	return name == typeMP4 || name == type3GP || name == typeM4A || name == "video/quicktime"
}

func binaryClass(name string) bool {
	for _, class := range []string{"image/", "video/", "audio/"} {
		if strings.HasPrefix(name, class) && name != "image/svg+xml" {
			return true
		}
	}
	return false
}

// Extension gives the usual file extension of a type, with its dot.
func Extension(mimeType string) string {
	base, ok := canonical(mimeType)
	if !ok {
		return ".bin"
	}
	if known, ok := extensions[base]; ok {
		return known
	}
	// The system's table differs between machines; take what is shortest and first.
	found, err := mime.ExtensionsByType(base)
	if err != nil || len(found) == 0 {
		return ".bin"
	}
	return found[0]
}

var extensions = map[string]string{
	typeJPEG: ".jpg", typePNG: ".png", typeGIF: ".gif", typeWebP: ".webp", typeMP4: ".mp4", type3GP: ".3gp", typeOgg: ".ogg",
	typeMPEG: ".mp3", typeAAC: ".aac", typeM4A: ".m4a", typeAMR: ".amr", typeWAV: ".wav", typePDF: ".pdf", typeZip: ".zip",
	typeText: ".txt", typeBytes: ".bin", "video/quicktime": ".mov", "text/html": ".html", "application/json": ".json", "text/csv": ".csv",
}
