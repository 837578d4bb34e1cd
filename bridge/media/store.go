package media

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/database"
)

// Stored describes a kept file.
type Stored struct {
	MediaID   string
	MimeType  string
	Filename  string
	Size      int64
	SHA256    string // hex
	ExpiresAt time.Time
}

const maxMediaID = 200

// path is where a file lies: under the hash of its id.
func (l *Library) path(mediaID string) string {
	sum := sha256.Sum256([]byte(mediaID))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(l.dir, "files", name[:2], name)
}

// MediaID makes the id of a file: the session, a name and the extension of its
// type. The name of a received file is its message id; "" makes a new one.
func MediaID(session, name, mimeType string) string {
	if name == "" {
		name = ulid.Make().String()
	}
	// Message ids are chosen by whoever sends them.
	if len(name) > 64 || strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:16])
	}
	return session + "-" + name + Extension(mimeType)
}

func checkMediaID(session, mediaID string) error {
	if len(mediaID) > maxMediaID || !strings.HasPrefix(mediaID, session+"-") {
		return &Error{Reason: ReasonNotFound, Field: "media_id", Message: "there is no such file"}
	}
	return nil
}

// Keep stores a copy of a file under an id, replacing what was there. The file
// stays open, at its start.
func (l *Library) Keep(ctx context.Context, session, mediaID string, f *File) (*Stored, error) {
	if err := checkMediaID(session, mediaID); err != nil {
		return nil, err
	}
	var used int64
	if err := l.db.QueryRow(ctx, `SELECT COALESCE(SUM(size), 0) FROM media_files WHERE session=$1 AND media_id<>$2`, session, mediaID).Scan(&used); err != nil {
		return nil, storage("the file could not be stored", err)
	}
	if used+f.Size > l.config.MaxSessionBytes {
		return nil, &Error{Reason: ReasonTooLarge, Message: "the session's files would be larger than its share", Limit: l.config.MaxSessionBytes}
	}
	if err := l.copyIn(mediaID, f); err != nil {
		return nil, storage("the file could not be stored", err)
	}
	now := time.Now()
	s := &Stored{
		MediaID: mediaID, MimeType: f.MimeType, Filename: f.Filename, Size: f.Size, SHA256: hex.EncodeToString(f.SHA256[:]),
		ExpiresAt: now.Add(l.config.Keep).UTC().Truncate(time.Millisecond),
	}
	_, err := l.db.Exec(ctx, `
		INSERT INTO media_files (media_id, session, mime_type, filename, size, sha256, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (media_id) DO UPDATE SET mime_type=excluded.mime_type, filename=excluded.filename, size=excluded.size,
			sha256=excluded.sha256, created_at=excluded.created_at, expires_at=excluded.expires_at`,
		s.MediaID, session, s.MimeType, s.Filename, s.Size, s.SHA256, now.UnixMilli(), s.ExpiresAt.UnixMilli())
	if err != nil {
		return nil, storage("the file could not be stored", err)
	}
	return s, nil
}

// copyIn writes beside and renames, so that nobody reads half a file.
func (l *Library) copyIn(mediaID string, f *File) (err error) {
	if err := f.Rewind(); err != nil {
		return err
	}
	to := l.path(mediaID)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.CreateTemp(l.tempDir(), "keep-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f.File)
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return f.Rewind()
}

var scanStored = dbutil.ConvertRowFn[*Stored](func(row dbutil.Scannable) (*Stored, error) {
	var s Stored
	var expires int64
	err := row.Scan(&s.MediaID, &s.MimeType, &s.Filename, &s.Size, &s.SHA256, &expires)
	s.ExpiresAt = time.UnixMilli(expires).UTC()
	return &s, err
})

// Get opens a kept file of a session. The caller closes the content.
func (l *Library) Get(ctx context.Context, session, mediaID string) (*Stored, io.ReadCloser, error) {
	if err := checkMediaID(session, mediaID); err != nil {
		return nil, nil, err
	}
	s, err := scanStored(l.db.QueryRow(ctx, `SELECT media_id, mime_type, filename, size, sha256, expires_at FROM media_files
		WHERE media_id=$1 AND session=$2 AND expires_at>$3`, mediaID, session, time.Now().UnixMilli()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, &Error{Reason: ReasonNotFound, Field: "media_id", Message: "there is no such file"}
	}
	if err != nil {
		return nil, nil, storage("the file could not be looked up", err)
	}
	content, err := os.Open(l.path(mediaID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, &Error{Reason: ReasonNotFound, Field: "media_id", Message: "the file is gone"}
	}
	if err != nil {
		return nil, nil, storage("the file could not be opened", err)
	}
	return s, content, nil
}

// Receive keeps content that came from WhatsApp.
func (l *Library) Receive(ctx context.Context, session, mediaID, mimeType, filename string, content func(*os.File) error) (*Stored, error) {
	f, err := l.temp()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := content(f.File); err != nil {
		return nil, err
	}
	if err := f.Rewind(); err != nil {
		return nil, storage("the file could not be read", err)
	}
	sum := sha256.New()
	if f.Size, err = io.Copy(sum, f.File); err != nil {
		return nil, storage("the file could not be read", err)
	}
	sum.Sum(f.SHA256[:0])
	f.MimeType, f.Filename = mimeType, filename
	return l.Keep(ctx, session, mediaID, f)
}

// Delete removes a kept file; one that is not there is no error.
func (l *Library) Delete(ctx context.Context, session, mediaID string) error {
	if checkMediaID(session, mediaID) != nil {
		return nil //nolint:nilerr // what cannot be an id names no file
	}
	if _, err := l.db.Exec(ctx, `DELETE FROM media_files WHERE media_id=$1 AND session=$2`, mediaID, session); err != nil {
		return storage("the file could not be removed", err)
	}
	if err := os.Remove(l.path(mediaID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return storage("the file could not be removed", err)
	}
	return nil
}

// sweepBatch is how many files one step of Sweep or Purge removes.
const sweepBatch = 500

// Sweep removes what has expired.
func (l *Library) Sweep(ctx context.Context) (removed int, err error) {
	now := time.Now().UnixMilli()
	if err := l.removeUploads(ctx, `expires_at<=$1`, now); err != nil {
		return 0, err
	}
	return l.removeWhere(ctx, `expires_at<=$1`, now)
}

// Purge removes all files of a session, and what has arrived of others.
func (l *Library) Purge(ctx context.Context, session string) error {
	if err := l.removeUploads(ctx, `session=$1`, session); err != nil {
		return err
	}
	_, err := l.removeWhere(ctx, `session=$1`, session)
	return err
}

var scanID = dbutil.ConvertRowFn[[2]string](func(row dbutil.Scannable) (id [2]string, err error) {
	err = row.Scan(&id[0], &id[1])
	return id, err
})

func (l *Library) removeWhere(ctx context.Context, condition string, arg any) (removed int, err error) {
	for {
		ids, err := scanID.NewRowIter(l.db.Query(ctx, `SELECT media_id, session FROM media_files WHERE `+condition+` LIMIT $2`, arg, sweepBatch)).AsList()
		if err != nil {
			return removed, storage("the files could not be listed", err)
		}
		for _, id := range ids {
			if err := l.Delete(ctx, id[1], id[0]); err != nil {
				return removed, err
			}
			removed++
		}
		if len(ids) < sweepBatch {
			return removed, nil
		}
	}
}

// sweepInterval is how often Run looks for expired files.
const sweepInterval = time.Hour

// Run sweeps until ctx ends.
func (l *Library) Run(ctx context.Context, log *slog.Logger) {
	database.SweepEvery(ctx, sweepInterval, func(ctx context.Context) error {
		_, err := l.Sweep(ctx)
		return err
	}, log, "expired files could not be removed")
}
