package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/webhook/payload"
)

// FileMode is the way in which a webhook receives the files of Message events.
type FileMode string

// The modes. A format supports some of them.
const (
	FilesNone      FileMode = "none"
	FilesInline    FileMode = "inline"    // base64 in the JSON
	FilesMultipart FileMode = "multipart" // the part "file" of a body of multipart/form-data
)

// FileReason is the reason why a body lacks the file of its message.
type FileReason string

// The reasons.
const (
	FileTooLarge    FileReason = "too_large"   // over Config.FileBytes, or over the server's limit
	FileNotFound    FileReason = "not_found"   // expired, deleted or damaged
	FileUnavailable FileReason = "unavailable" // fetching failed in half of the policy's attempts
	FileSkipMedia   FileReason = "skip_media"  // the session or the operator has disabled fetching
)

// Files opens the files of messages, fetching them from WhatsApp if they are not stored. Its methods may be called concurrently and return when ctx
// ends.
type Files interface {
	// OpenFile opens the file of a message. *FileError: the file is permanently unavailable. Any other error is temporary. The texts of errors are
	// stored and displayed.
	OpenFile(ctx context.Context, ref FileRef) (*File, error)
}

// FileRef identifies the message of a file.
type FileRef struct{ Session, Chat, Sender, MessageID string }

// File is an open file.
type File struct {
	Content  io.ReadSeekCloser
	Size     int64 // bytes
	MimeType string
	Filename string // from the sender, or derived from the message's id
}

// FileError reports that a file is permanently unavailable.
type FileError struct {
	Reason FileReason
	Err    error
}

func (e *FileError) Error() string { return fmt.Sprintf("webhook: file: %s: %v", e.Reason, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// Memory limits memory use in bytes. Acquire waits for room until ctx ends; a request larger than the limit is granted when all memory is free.
type Memory interface {
	Acquire(ctx context.Context, session string, n int64) error
	Release(session string, n int64)
}

// errNoFile is returned if the file of a message could not be fetched. It is temporary.
var errNoFile = errors.New("the file of the message could not be fetched")

// attachment is the file of a body, or the reason why it is missing.
type attachment struct {
	*File
	skipped FileReason // empty = File is set
}

// fileBody writes a body with a file; without a function there is none. It is called more than once per body and writes the same bytes each time.
type fileBody struct {
	contentType string
	write       func(w io.Writer) error
}

// loaded is a body in memory.
type loaded struct {
	body        []byte
	contentType string
	release     func() // releases the memory
}

func (w *Webhook) carriesFiles() bool {
	return w.Files != "" && w.Files != FilesNone && formats[w.Format].attach != nil
}

// mediaOf returns the description of the file in a Message event; ok is false if it has none. An edit repeats the file of the edited message, and has
// none of its own.
func mediaOf(d *dispatch.Delivery) (ref FileRef, size uint64, ok bool) {
	var data struct {
		MessageID string          `json:"message_id"`
		Chat      string          `json:"chat"`
		Sender    string          `json:"sender"`
		Target    json.RawMessage `json:"target"`
		Media     *struct {
			Size uint64 `json:"size"`
		} `json:"media"`
	}
	if json.Unmarshal(d.Event.Data, &data) != nil || data.Media == nil || data.MessageID == "" {
		return ref, 0, false
	}
	if len(data.Target) > 0 && string(data.Target) != "null" {
		return ref, 0, false
	}
	return FileRef{Session: d.Event.Session, Chat: data.Chat, Sender: data.Sender, MessageID: data.MessageID}, data.Media.Size, true
}

// bodyWithFile returns the body of an event whose message has a file; nil if it has none. An unavailable file is left out with the reason. A
// temporary failure wraps errNoFile in the first half of the policy's attempts, so that the second half remains for the receiver, and leaves the file
// out after that. Fetching takes at most half of an attempt's time.
func (c *Config) bodyWithFile(ctx context.Context, w *Webhook, d *dispatch.Delivery, e *payload.Event) (*loaded, error) {
	ref, size, ok := mediaOf(d)
	if !ok {
		return nil, nil
	}
	fetch, cancel := context.WithTimeout(ctx, c.Policy.AttemptTimeout/2)
	defer cancel()
	skipped := FileTooLarge
	if size <= uint64(c.FileBytes) {
		with, err := c.loadFile(fetch, ref, w, d, e)
		if err == nil {
			return with, nil
		}
		var final *FileError
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %w", errNoFile, ctx.Err())
		case errors.As(err, &final):
			skipped = final.Reason
		case d.Attempt <= c.Policy.MaxAttempts/2:
			return nil, fmt.Errorf("%w: %w", errNoFile, err)
		default:
			skipped = FileUnavailable
		}
	}
	made, err := formats[w.Format].attach(w, d, e, &attachment{skipped: skipped})
	if err != nil || made.write == nil {
		return nil, err
	}
	return made.load(ctx, ref.Session, nil)
}

// loadFile opens a file and creates the body with it.
func (c *Config) loadFile(ctx context.Context, ref FileRef, w *Webhook, d *dispatch.Delivery, e *payload.Event) (*loaded, error) {
	if c.Files == nil {
		return nil, &FileError{FileUnavailable, errors.New("the server fetches no files")}
	}
	file, err := c.Files.OpenFile(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer file.Content.Close()
	if file.Size > c.FileBytes { // the sender had declared a smaller size
		return nil, &FileError{FileTooLarge, fmt.Errorf("it has %d bytes", file.Size)}
	}
	file.Filename, file.MimeType = safeFilename(file.Filename), safeMimeType(file.MimeType)
	made, err := formats[w.Format].attach(w, d, e, &attachment{File: file})
	if err != nil || made.write == nil {
		return nil, err
	}
	return made.load(ctx, ref.Session, c.FileMemory)
}

// load writes a body into memory. Its size is counted first, so that exactly that amount is acquired and allocated.
func (b *fileBody) load(ctx context.Context, session string, memory Memory) (*loaded, error) {
	size := &countingWriter{}
	if err := b.write(size); err != nil {
		return nil, err
	}
	release := func() {}
	if memory != nil {
		if err := memory.Acquire(ctx, session, size.n); err != nil {
			return nil, errors.New("other files occupy the memory (webhook-files-memory)")
		}
		release = func() { memory.Release(session, size.n) }
	}
	into := &countingWriter{into: make([]byte, 0, size.n), limit: size.n}
	err := b.write(into)
	if err == nil && into.n != size.n {
		err = errChanged
	}
	if err != nil {
		release()
		return nil, err
	}
	return &loaded{into.into, b.contentType, release}, nil
}

var errChanged = errors.New("the file changed while it was read")

// countingWriter counts bytes, and stores them if it has a limit.
type countingWriter struct {
	n     int64
	into  []byte
	limit int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	if w.into != nil {
		if w.n > w.limit {
			return 0, errChanged
		}
		w.into = append(w.into, p...)
	}
	return len(p), nil
}

// copyTo writes the whole file.
func (f *File) copyTo(w io.Writer) error {
	if _, err := f.Content.Seek(0, io.SeekStart); err != nil {
		return errors.New("the file could not be read")
	}
	n, err := io.Copy(struct{ io.Writer }{w}, io.LimitReader(f.Content, f.Size))
	switch {
	case err != nil:
		return errors.New("the file could not be read") // its own text contains a path
	case n != f.Size:
		return errChanged
	}
	return nil
}

// maxFilename is the length of a filename in a body, in characters.
const maxFilename = 255

// safeFilename replaces characters that would let a name escape a receiver's folder or break a header.
func safeFilename(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == unicode.ReplacementChar || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
	if letters := []rune(name); len(letters) > maxFilename {
		name = string(letters[:maxFilename])
	}
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// safeMimeType returns a type that is valid in a header.
func safeMimeType(text string) string {
	base, params, err := mime.ParseMediaType(text)
	if err != nil {
		return "application/octet-stream"
	}
	if safe := mime.FormatMediaType(base, params); safe != "" {
		return safe
	}
	return "application/octet-stream"
}
