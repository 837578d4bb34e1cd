package media

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"
)

// Upload is a file that is uploaded in parts. The received parts are in a file of its own and survive a restart.
type Upload struct {
	ID        string
	Session   string
	Size      int64 // of the whole file
	Offset    int64 // bytes that have arrived
	ExpiresAt time.Time

	about Input
}

func noUpload() *Error {
	return &Error{Reason: ReasonNotFound, Field: "upload_id", Message: "there is no such upload"}
}

// partPath is where the parts of an upload lie.
func (l *Library) partPath(id string) string {
	return filepath.Join(l.dir, "uploads", hashName(id))
}

// BeginUpload announces a file of a size. session is the key the session's data is stored under, name begins the ids of
// the upload and of its file. Of about, type, name and hash count.
func (l *Library) BeginUpload(ctx context.Context, session, name string, size int64, about Input) (*Upload, error) {
	if err := checkFilename(about.Filename); err != nil {
		return nil, err
	}
	if about.MimeType != "" {
		var ok bool
		if about.MimeType, ok = canonicalType(about.MimeType); !ok {
			return nil, badField("mime_type", "is not a MIME type")
		}
	}
	switch {
	case size <= 0:
		return nil, badField("size", "must be at least 1")
	case size > l.config.MaxBytes:
		return nil, tooLarge("size", l.config.MaxBytes)
	}
	l.uploads.Lock() // so that the sums hold until the row is there
	defer l.uploads.Unlock()
	var open, announced, kept int64
	err := l.db.QueryRow(ctx, `SELECT COUNT(*), `+occupiedSum+` FROM media_uploads WHERE session=$1`, session).Scan(&open, &announced)
	if err == nil {
		err = l.db.QueryRow(ctx, `SELECT `+occupiedSum+` FROM media_files WHERE session=$1`, session).Scan(&kept)
	}
	switch {
	case err != nil:
		return nil, storageError("the upload could not be begun", err)
	case open >= int64(l.config.MaxUploads):
		return nil, &Error{Reason: ReasonTooMany, Message: "too many uploads of this session are not finished"}
	case announced+kept+occupiedBytes(size) > l.config.MaxSessionBytes:
		return nil, &Error{Reason: ReasonTooLarge, Message: "the session's files would be larger than its share", Limit: l.config.MaxSessionBytes}
	}
	u := &Upload{
		ID: name + "-" + ulid.Make().String(), Session: session, Size: size, about: about,
		ExpiresAt: time.Now().Add(l.config.KeepUploads).UTC().Truncate(time.Millisecond),
	}
	if err := os.WriteFile(l.partPath(u.ID), nil, 0o600); err != nil {
		return nil, storageError("the upload could not be begun", err)
	}
	_, err = l.db.Exec(ctx, `INSERT INTO media_uploads (upload_id, session, mime_type, filename, size, sha256, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, u.ID, session, about.MimeType, about.Filename, size, about.SHA256, u.ExpiresAt.UnixMilli())
	if err != nil {
		return nil, errors.Join(storageError("the upload could not be begun", err), os.Remove(l.partPath(u.ID)))
	}
	return u, nil
}

var scanUpload = dbutil.ConvertRowFn[*Upload](func(row dbutil.Scannable) (*Upload, error) {
	var u Upload
	var expires int64
	err := row.Scan(&u.ID, &u.Session, &u.about.MimeType, &u.about.Filename, &u.Size, &u.about.SHA256, &expires)
	u.ExpiresAt = time.UnixMilli(expires).UTC()
	return &u, err
})

// Upload returns the progress of an upload of a session.
func (l *Library) Upload(ctx context.Context, session, id string) (*Upload, error) {
	if !isStorable(id) {
		return nil, noUpload()
	}
	u, err := scanUpload(l.db.QueryRow(ctx, `SELECT upload_id, session, mime_type, filename, size, sha256, expires_at FROM media_uploads
		WHERE upload_id=$1 AND session=$2 AND expires_at>$3`, id, session, time.Now().UnixMilli()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noUpload()
	}
	if err != nil {
		return nil, storageError("the upload could not be looked up", err)
	}
	info, err := os.Stat(l.partPath(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, noUpload()
	}
	if err != nil {
		return nil, storageError("the upload could not be looked up", err)
	}
	u.Offset = info.Size()
	return u, nil
}

// Continue adds content to an upload at an offset, which must be where it stands. When content breaks off, what came
// before counts. kept is set when the file is whole: then it is checked and kept, and the upload has ended, also when
// the check fails.
func (l *Library) Continue(ctx context.Context, session, id string, offset int64, content io.Reader) (u *Upload, kept *Stored, err error) {
	key := [2]string{session, id}
	if _, busy := l.writing.LoadOrStore(key, true); busy {
		return nil, nil, &Error{Reason: ReasonConflict, Field: "offset", Message: "another request is writing to the upload"}
	}
	defer l.writing.Delete(key)
	if u, err = l.Upload(ctx, session, id); err != nil {
		return nil, nil, err
	}
	if offset != u.Offset {
		return u, nil, &Error{Reason: ReasonConflict, Field: "offset", Message: "the upload stands elsewhere"}
	}
	part, err := os.OpenFile(l.partPath(id), os.O_RDWR, 0)
	if err != nil {
		return nil, nil, storageError("the upload could not be opened", err)
	}
	f := &File{File: part, Filename: u.about.Filename}
	if err := l.addPart(f, u, content); err != nil || u.Offset < u.Size {
		return u, nil, errors.Join(err, part.Close())
	}
	defer f.Close() // removes it
	defer func() { err = errors.Join(err, l.forgetUpload(context.WithoutCancel(ctx), session, id)) }()
	kept, err = l.keepUpload(ctx, f, u)
	return u, kept, err
}

// addPart writes what comes, up to the size of the upload.
func (l *Library) addPart(f *File, u *Upload, content io.Reader) error {
	if _, err := f.Seek(u.Offset, io.SeekStart); err != nil {
		return storageError("the upload could not be written", err)
	}
	left := u.Size - u.Offset
	n, err := io.Copy(f.File, io.LimitReader(content, left))
	u.Offset += n
	if err != nil {
		return l.receiveError("", err)
	}
	if n == left {
		if more, _ := io.ReadFull(content, make([]byte, 1)); more > 0 { // an error here is after the end
			u.Offset -= n
			if err := f.Truncate(u.Offset); err != nil {
				return storageError("the upload could not be set back", err)
			}
			return badField("", "more came than the upload announced")
		}
	}
	return nil
}

// keepUpload checks a whole file and keeps it.
func (l *Library) keepUpload(ctx context.Context, f *File, u *Upload) (*Stored, error) {
	if err := f.Rewind(); err != nil {
		return nil, storageError("the upload could not be read", err)
	}
	sum := sha256.New()
	var err error
	if f.Size, err = io.Copy(sum, f.File); err != nil {
		return nil, storageError("the upload could not be read", err)
	}
	about, err := u.about.claims()
	if err != nil {
		return nil, err
	}
	if err := f.checkContent("", about, l.config.MaxBytes, sum); err != nil {
		return nil, err
	}
	if err := f.checkHash(u.about.SHA256); err != nil {
		return nil, err
	}
	name := u.ID[:max(0, len(u.ID)-len("-")-ulid.EncodedSize)] // as BeginUpload made it
	return l.Keep(ctx, u.Session, MediaID(name, "", f.MimeType), f)
}

func (l *Library) forgetUpload(ctx context.Context, session, id string) error {
	if _, err := l.db.Exec(ctx, `DELETE FROM media_uploads WHERE session=$1 AND upload_id=$2`, session, id); err != nil {
		return storageError("the upload could not be removed", err)
	}
	return nil
}

// CancelUpload removes an upload and its received parts.
func (l *Library) CancelUpload(ctx context.Context, session, id string) error {
	if _, err := l.Upload(ctx, session, id); err != nil {
		return err
	}
	return l.removeUpload(ctx, session, id)
}

func (l *Library) removeUpload(ctx context.Context, session, id string) error {
	if err := os.Remove(l.partPath(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return storageError("the upload could not be removed", err)
	}
	return l.forgetUpload(ctx, session, id)
}

// removeUploads removes the uploads that match.
func (l *Library) removeUploads(ctx context.Context, condition string, arg any) error {
	ids, err := scanID.NewRowIter(l.db.Query(ctx, `SELECT upload_id, session FROM media_uploads WHERE `+condition, arg)).AsList()
	if err != nil {
		return storageError("the uploads could not be listed", err)
	}
	for _, id := range ids {
		if err := l.removeUpload(ctx, id[1], id[0]); err != nil {
			return err
		}
	}
	return nil
}
