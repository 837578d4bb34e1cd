package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waystation/waystation/transports/kit/base64text"
	"github.com/waystation/waystation/transports/kit/guard"
)

// Input is a media object as callers give it: exactly one of MediaID, URL and
// Base64.
type Input struct {
	MediaID  string
	URL      string
	Base64   string // plain, or in a data URL
	MimeType string // must fit what the file is
	Filename string
	SHA256   string // hex; the file must have it, if given; for Take alone
}

// File is a file on its way, in a temporary place that Close removes.
type File struct {
	*os.File
	MimeType string // detected type
	Filename string // "" = none was given
	Size     int64
	SHA256   [sha256.Size]byte
}

// Close removes the file.
func (f *File) Close() error {
	err := f.File.Close()
	if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Rewind goes back to the first byte.
func (f *File) Rewind() error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// Open returns the file of a media object (id, address or data URL) after checking
// that it has the declared type. The caller closes it.
func (l *Library) Open(ctx context.Context, session string, in Input) (*File, error) {
	if countGiven(in.MediaID, in.URL, in.Base64) != 1 {
		return nil, badField("", "needs exactly one of media_id, url and base64")
	}
	if err := checkFilename(in.Filename); err != nil {
		return nil, err
	}
	about, err := in.claims()
	if err != nil {
		return nil, err
	}
	switch {
	case in.MediaID != "":
		return l.openStored(ctx, session, in, about)
	case in.URL != "":
		return l.fetchURL(ctx, in, about)
	}
	return l.decodeData(in, about)
}

// Take reads a file that is handed over as it is, and checks it as Open does; of in, only the type and the name count.
// The caller closes the file.
func (l *Library) Take(content io.Reader, in Input) (*File, error) {
	if err := checkFilename(in.Filename); err != nil {
		return nil, err
	}
	about, err := in.claims()
	if err != nil {
		return nil, err
	}
	f, err := l.receiveContent(content, "", about)
	if err != nil {
		return nil, err
	}
	if err := f.checkHash(in.SHA256); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// claims returns what the object says about the file's type.
func (in *Input) claims() (claims, error) {
	about := claims{field: "mime_type", filename: in.Filename}
	if in.MimeType != "" {
		var ok bool
		if about.declared, ok = canonicalType(in.MimeType); !ok {
			return about, badField("mime_type", "is not a MIME type")
		}
	}
	return about, nil
}

// checkHash holds the file against the hash it should have, if that is known.
func (f *File) checkHash(want string) error {
	if want != "" && !strings.EqualFold(want, hex.EncodeToString(f.SHA256[:])) {
		return badField("sha256", "is not the hash of what arrived: %d bytes with %x", f.Size, f.SHA256)
	}
	return nil
}

func countGiven(values ...string) (n int) {
	for _, value := range values {
		if value != "" {
			n++
		}
	}
	return n
}

const maxFilename = 255 // characters, as the schema of the methods counts

func checkFilename(name string) error {
	if utf8.RuneCountInString(name) > maxFilename {
		return badField("filename", "is longer than %d characters", maxFilename)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return badField("filename", "holds control characters")
	}
	if strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return badField("filename", "is a path")
	}
	return nil
}

// SafeFilename returns a name that is shown, such as "01/2025.pdf", without what makes it a path.
func SafeFilename(name string) string {
	name = strings.NewReplacer("/", "_", `\`, "_").Replace(name)
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "_")
	}
	return name
}

func (l *Library) openStored(ctx context.Context, session string, in Input, about claims) (*File, error) {
	stored, content, err := l.Get(ctx, session, in.MediaID)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if about.filename == "" {
		about.filename = stored.Filename
	}
	about.stored, _ = canonicalType(stored.MimeType)
	return l.receiveContent(content, "media_id", about)
}

func (l *Library) decodeData(in Input, about claims) (*File, error) {
	label, content, isDataURL := base64text.Split(in.Base64)
	if isDataURL && label != "" && about.declared == "" {
		var ok bool
		about.field = "base64"
		if about.declared, ok = canonicalType(label); !ok && !strings.HasPrefix(label, ";") { // only parameters: no type
			return nil, badField("base64", "the data URL names no valid MIME type")
		}
	}
	return l.receiveContent(base64text.NewReader(content), "base64", about)
}

func (l *Library) fetchURL(ctx context.Context, in Input, about claims) (*File, error) {
	request, err := l.newRequest(ctx, in.URL)
	if err != nil {
		return nil, err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return nil, l.fetchError(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &Error{Reason: ReasonFetch, Field: "url", Message: "the server answered " + response.Status}
	}
	if about.filename == "" {
		about.filename = nameOf(response)
	}
	about.server, _ = canonicalType(response.Header.Get("Content-Type")) // a malformed header says nothing
	return l.receiveContent(response.Body, "url", about)
}

// newRequest returns a GET request for an address that a user typed.
func (l *Library) newRequest(ctx context.Context, address string) (*http.Request, error) {
	address, err := guard.Normalize(address)
	if err != nil {
		var malformed *guard.Error
		if errors.As(err, &malformed) && malformed.Err != nil {
			return nil, badField("url", "is not a usable address: %s", malformed.Err)
		}
		return nil, badField("url", "is not a usable address")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, badField("url", "is not a usable address")
	}
	request.Header.Set("User-Agent", l.config.UserAgent)
	return request, nil
}

func (l *Library) fetchError(err error) error {
	e := &Error{Reason: ReasonFetch, Field: "url", Message: "the file could not be fetched", Err: hideURL(err)}
	switch guard.ReasonOf(err) {
	case guard.ReasonTooLarge:
		return tooLarge("url", l.config.MaxBytes)
	case guard.ReasonForbidden:
		e.Reason, e.Message = ReasonForbidden, "does not point at a public address; the operator can allow it (allow-hosts host:port)"
	case guard.ReasonBadURL:
		e.Reason, e.Message = ReasonBad, "is not a usable http or https address"
	case guard.ReasonTimeout:
		e.Reason, e.Message = ReasonTimeout, "the file did not come in time"
	case guard.ReasonUnresolved:
		e.Message = "the host has no address"
	case guard.ReasonTooManyRedirects:
		e.Message = "redirects too often"
	}
	return e
}

// hideURL drops the address net/http puts into its errors: it may hold secrets.
func hideURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// nameOf finds the name a server gives a file; one that is no plain name is dropped.
func nameOf(response *http.Response) string {
	name := ""
	if _, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil {
		name = path.Base(strings.ReplaceAll(params["filename"], `\`, "/"))
	}
	if name == "" || name == "." {
		name = path.Base(response.Request.URL.Path)
	}
	if name == "." || checkFilename(name) != nil {
		return ""
	}
	return name
}

// receiveContent streams content into a temporary file, hashes it and checks what it
// is. field is where the content came in.
func (l *Library) receiveContent(content io.Reader, field string, about claims) (*File, error) {
	limit := l.config.MaxBytes
	f, err := l.newTemp()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if f.Size, err = io.Copy(io.MultiWriter(f.File, sum), io.LimitReader(content, limit+1)); err != nil {
		f.Close()
		return nil, l.receiveError(field, err)
	}
	if err := f.checkContent(field, about, limit, sum); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (l *Library) receiveError(field string, err error) error {
	var disk *os.PathError
	switch {
	case errors.Is(err, base64text.ErrInvalid):
		return badField("base64", "is neither base64 nor a data URL (data:<type>;base64,...)")
	case field == "" && errors.Is(err, io.ErrUnexpectedEOF):
		return badField("", "the file ended before its announced length")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Reason: ReasonTimeout, Field: field, Message: "the file did not come in time", Err: err}
	case errors.As(err, &disk):
		return storageError("the file could not be written", err)
	case field == "url":
		return l.fetchError(err)
	}
	return storageError("the file could not be read", err)
}

// checkContent finds the type of a whole file and rewinds it.
func (f *File) checkContent(field string, about claims, limit int64, sum hash.Hash) error {
	switch {
	case f.Size == 0:
		return badField(field, "the file is empty")
	case f.Size > limit:
		return tooLarge(field, limit)
	}
	sum.Sum(f.SHA256[:0])
	head := make([]byte, sniffLength)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return storageError("the file could not be read", err)
	}
	if f.MimeType, err = sniffType(head[:n]).resolveType(about); err != nil {
		return err
	}
	f.Filename = about.filename
	if err := f.Rewind(); err != nil {
		return storageError("the file could not be read", err)
	}
	return nil
}

func (l *Library) newTemp() (*File, error) {
	file, err := os.CreateTemp(l.tempDir(), "in-*")
	if err != nil {
		return nil, storageError("no temporary file could be made", err)
	}
	return &File{File: file}, nil
}
