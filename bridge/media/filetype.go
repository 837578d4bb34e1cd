package media

import (
	"bytes"
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// sniffLength is the number of leading bytes that type recognition reads. Office files have their distinctive entries behind
// the first few KiB.
const sniffLength = 64 << 10

func init() { mimetype.SetLimit(sniffLength) }

// The MIME types that this package treats by name.
const (
	typeJPEG  = "image/jpeg"
	typePNG   = "image/png"
	typeGIF   = "image/gif"
	typeWebP  = "image/webp"
	typeMP4   = "video/mp4"
	type3GP   = "video/3gpp"
	typeMOV   = "video/quicktime"
	typeOgg   = "audio/ogg"
	typeMPEG  = "audio/mpeg"
	typeAAC   = "audio/aac"
	typeM4A   = "audio/mp4"
	typeAMR   = "audio/amr"
	typeWAV   = "audio/wav"
	typePDF   = "application/pdf"
	typeZip   = "application/zip"
	typeOLE   = "application/x-ole-storage" // container of Office files before 2007, and of encrypted newer ones
	typeText  = "text/plain"
	typeXML   = "text/xml"
	typeSVG   = "image/svg+xml"
	typeHTML  = "text/html"
	typeBytes = "application/octet-stream" // unknown
)

// synonyms maps names of one type to the name that this package uses.
var synonyms = map[string]string{
	"image/jpg": typeJPEG, "image/pjpeg": typeJPEG, "image/x-png": typePNG, "image/apng": typePNG, "image/vnd.mozilla.apng": typePNG,
	"audio/mp3": typeMPEG, "audio/x-mp3": typeMPEG, "audio/mpeg3": typeMPEG, "audio/x-mpeg": typeMPEG,
	"audio/opus": typeOgg, "application/ogg": typeOgg, "audio/x-ogg": typeOgg, "application/x-ogg": typeOgg,
	"audio/x-flac": "audio/flac", "audio/x-wav": typeWAV, "audio/wave": typeWAV, "audio/vnd.wave": typeWAV,
	"audio/x-m4a": typeM4A, "audio/m4a": typeM4A, "audio/x-mp4a": typeM4A, "audio/aacp": typeAAC, "audio/x-aac": typeAAC, "audio/amr-nb": typeAMR,
	"application/x-pdf": typePDF, "application/x-zip-compressed": typeZip, "application/x-zip": typeZip,
	"video/3gp": type3GP, "video/3gpp2": type3GP, "video/x-m4v": typeMP4,
	"binary/octet-stream": typeBytes, "application/binary": typeBytes, "application/unknown": typeBytes, "application/x-unknown": typeBytes,
	"application/force-download": typeBytes, "application/x-force-download": typeBytes, "application/download": typeBytes,
	"application/x-download": typeBytes, "application/x-octet-stream": typeBytes,
}

// canonicalType returns the name that this package uses for a MIME type, without parameters. It reports false for text that
// is not a MIME type. Malformed parameters do not matter.
func canonicalType(name string) (string, bool) {
	base, _, _ := strings.Cut(name, ";")
	base, _, err := mime.ParseMediaType(strings.TrimSpace(base))
	if err != nil || !strings.Contains(base, "/") {
		return "", false
	}
	if known, ok := synonyms[base]; ok {
		return known, true
	}
	return base, true
}

// alwaysRecognised are types whose every file starts with a signature: a file without it is of another type.
var alwaysRecognised = map[string]bool{
	typeJPEG: true, typePNG: true, typeGIF: true, typeWebP: true, typeMP4: true, type3GP: true, typeM4A: true, typeMOV: true,
	typeOgg: true, typeWAV: true, typeAMR: true, typePDF: true, typeZip: true,
}

// looselyRecognised are types found by a few bits, or by counting commas: any claim is better evidence.
var looselyRecognised = map[string]bool{
	typeMPEG: true, typeAAC: true, "text/csv": true, "text/tab-separated-values": true,
}

// isoFamily are the types of one container format (ISO/IEC 14496-12); brands in it are used loosely.
var isoFamily = map[string]bool{typeMP4: true, type3GP: true, typeM4A: true, typeMOV: true}

// sniffed is the type that the first bytes of a file show.
type sniffed struct {
	name  string         // canonical
	node  *mimetype.MIME // in the library's hierarchy of types
	loose bool           // other evidence about the type prevails
}

// sniffType recognises a file by its first bytes.
func sniffType(head []byte) sniffed {
	name, ok := canonicalType(mimetype.Detect(head).String())
	if !ok {
		name = typeBytes
	}
	return sniffed{name: name, node: mimetype.Lookup(name), loose: looselyRecognised[name] || name == typePDF && !startsPDF(head)}
}

// startsPDF reports whether only white space and a byte order mark precede a PDF header. Readers accept the header
// within the first 1,024 bytes, and a text about PDF may contain it there too.
func startsPDF(head []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00"), []byte("%PDF-"))
}

// isUnder reports whether the sniffed type is another one, or a special case of it.
func (s sniffed) isUnder(name string) bool {
	ancestor := mimetype.Lookup(name)
	for node := s.node; node != nil; node = node.Parent() {
		if node == ancestor {
			return true
		}
	}
	return false
}

// verdict is the result of comparing the bytes of a file with its declared type.
type verdict int

const (
	contradicted verdict = iota // the file is of another type
	vague                       // the file is recognised as something more specific
	fits
)

// judgeClaim compares a claim with the bytes. A claim of the sender is trusted: it is contradicted only by a signature. Other
// claims (of a web server, of a file name) must be a special case of the sniffed type, or of its kind.
func (s sniffed) judgeClaim(claim string, trusted bool) verdict {
	node := mimetype.Lookup(claim)
	switch {
	case claim == typeBytes:
		return vague
	case claim == s.name, node != nil && node == s.node, isoFamily[claim] && isoFamily[s.name]:
		return fits
	case node != nil && s.isUnder(claim), s.name == typeSVG && node == mimetype.Lookup(typeXML):
		return vague
	case alwaysRecognised[claim] && !s.loose, alwaysRecognised[claim] && claim != typeZip:
		return contradicted
	case s.loose:
		return fits
	case s.isUnder(typeText):
		return s.judgeText(claim, node, trusted)
	case strings.HasPrefix(claim, "text/") && !(trusted && s.name == typeBytes):
		return contradicted
	case s.name == typeBytes:
		return fits
	case s.isUnder(typeZip) || s.isUnder(typeOLE):
		return s.judgeContainer(claim, node, trusted)
	case alwaysRecognised[s.name]:
		return contradicted
	case node != nil && (sniffed{node: node}).isUnder(s.name):
		return fits
	case trusted:
		return fits
	}
	return contradicted
}

// judgeText judges a claim about a text.
func (s sniffed) judgeText(claim string, node *mimetype.MIME, trusted bool) verdict {
	claimed := sniffed{node: node}
	class, _, _ := strings.Cut(claim, "/")
	isMedia := class == "image" || class == "video" || class == "audio"
	switch {
	case node == nil && isMedia, node != nil && isMedia && !claimed.isUnder(typeText):
		return contradicted
	case trusted, node == nil:
		return fits
	case !claimed.isUnder(typeText):
		return contradicted // the library knows the type, and it is not a text
	case s.name == typeText, claimed.isUnder(s.name):
		return fits
	case s.name == typeXML && (claim == typeSVG || claim == typeHTML):
		return fits
	}
	return contradicted
}

// judgeContainer judges a claim about a ZIP or OLE container. Many formats are such containers with other entries.
func (s sniffed) judgeContainer(claim string, node *mimetype.MIME, trusted bool) verdict {
	claimed := sniffed{node: node}
	switch {
	case trusted:
		return fits
	case node == nil:
		if s.name == typeZip || s.name == typeOLE || strings.HasPrefix(claim, "application/vnd.") {
			return fits
		}
	case claimed.isUnder(s.name):
		return fits
	case s.name == "application/java-archive":
		return verdictOf(claimed.isUnder(typeZip)) // packages of Android and others are Java archives too
	case s.isUnder(typeOLE):
		return verdictOf(strings.HasPrefix(claim, "application/vnd.openxmlformats-")) // encrypted
	}
	return contradicted
}

func verdictOf(ok bool) verdict {
	if ok {
		return fits
	}
	return contradicted
}

// claims are the declarations of a file's type, apart from its bytes.
type claims struct {
	declared string // by the sender, canonical; "" = nothing
	field    string // parameter that declares it, for errors
	stored   string // when the file was stored, canonical; "" = it was not
	server   string // by a web server, canonical; "" = nothing
	filename string
}

// resolveType returns the type of a file: the declared one, else the web server's, else the one of the file name's
// extension, if it fits the bytes, else the one that the bytes show. The result is never less specific than the bytes.
// A declared type that the bytes contradict is an error.
func (s sniffed) resolveType(c claims) (string, error) {
	byName := typeOfName(c.filename)
	if s.loose && s.isUnder(typeText) && byName != s.name && (c.declared == typeText || byName == typeText) {
		return typeText, nil // sentences with commas, not a table
	}
	if c.declared != "" {
		switch s.judgeClaim(c.declared, true) {
		case fits:
			return c.declared, nil
		case contradicted:
			return "", badField(c.field, "says %s and the file is %s", c.declared, s.name)
		}
	}
	if c.stored != "" && s.judgeClaim(c.stored, true) == fits {
		return c.stored, nil
	}
	for _, claim := range []string{c.server, byName} {
		if claim != "" && s.judgeClaim(claim, false) == fits {
			return claim, nil
		}
	}
	return s.name, nil
}
