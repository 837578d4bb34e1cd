package media

import (
	"context"
	"crypto/rand"
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
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
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

// newFileName returns a random name for a content on disk. Rows name their content by it, so neither the caller's id nor
// the session's name is part of a path, and two rows never share a content.
func newFileName() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// path returns where the content with a name lies.
func (l *Library) path(file string) string { return filepath.Join(l.dir, "files", file[:2], file) }

// hashName returns the name under which versions before 3 stored the content of a media id, and under which the parts of
// an upload lie.
func hashName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// nameOldFiles gives rows of versions before 3 the name of their content. Media ids were unique over all sessions then,
// so each such content has one row.
func (l *Library) nameOldFiles(ctx context.Context) error {
	for {
		ids, err := scanID.NewRowIter(l.db.Query(ctx, `SELECT media_id, session FROM media_files WHERE file='' LIMIT $1`, sweepBatch)).AsList()
		if err != nil || len(ids) == 0 {
			return err
		}
		err = database.Transact(ctx, l.db, func(ctx context.Context) error {
			for _, id := range ids {
				_, err := l.db.Exec(ctx, `UPDATE media_files SET file=$3 WHERE session=$1 AND media_id=$2 AND file=''`, id[1], id[0], hashName(id[0]))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// MediaID makes the id of a file: the session, a name and the extension of its type. An empty name makes a new one. The id
// is unique within the session only: "shop" with the name "2-X" and "shop-2" with the name "X" have the same.
func MediaID(session, name, mimeType string) string {
	if name == "" {
		name = ulid.Make().String()
	}
	// Message ids are chosen by their senders.
	if len(name) > 64 || strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:16])
	}
	return session + "-" + name + Extension(mimeType)
}

// isStorable reports whether a text can be an id: neither too long nor impossible to store in PostgreSQL.
func isStorable(id string) bool {
	return len(id) <= maxMediaID && utf8.ValidString(id) && !strings.Contains(id, "\x00")
}

func noFile() *Error {
	return &Error{Reason: ReasonNotFound, Field: "media_id", Message: "there is no such file"}
}

// block is the least that a file occupies on a disk, in bytes: many small files fill one as a few large ones do.
const block = 4 << 10

// occupiedSum is the SQL of occupied, over all rows.
const occupiedSum = `COALESCE(SUM(CASE WHEN size<4096 THEN 4096 ELSE size END), 0)`

// occupiedBytes returns the bytes that a file of a size counts in the share of its session.
func occupiedBytes(size int64) int64 { return max(size, block) }

// Keep stores a copy of a file of a session under an id, replacing the session's file of that id. session is the key the
// session's data is stored under. The file stays open, at its start.
func (l *Library) Keep(ctx context.Context, session, mediaID string, f *File) (*Stored, error) {
	if !isStorable(mediaID) {
		return nil, badField("media_id", "is longer than %d bytes or not a text", maxMediaID)
	}
	var used int64
	if err := l.db.QueryRow(ctx, `SELECT `+occupiedSum+` FROM media_files WHERE session=$1 AND media_id<>$2`, session, mediaID).Scan(&used); err != nil {
		return nil, storageError("the file could not be stored", err)
	}
	if used+occupiedBytes(f.Size) > l.config.MaxSessionBytes {
		return nil, &Error{Reason: ReasonTooLarge, Message: "the session's files would be larger than its share", Limit: l.config.MaxSessionBytes}
	}
	name := newFileName()
	if err := l.copyIn(name, f); err != nil {
		return nil, storageError("the file could not be stored", err)
	}
	now := time.Now()
	s := &Stored{
		MediaID: mediaID, MimeType: f.MimeType, Filename: f.Filename, Size: f.Size, SHA256: hex.EncodeToString(f.SHA256[:]),
		ExpiresAt: now.Add(l.config.Keep).UTC().Truncate(time.Millisecond),
	}
	replaced, err := l.insert(ctx, session, name, s, now)
	if err != nil {
		return nil, storageError("the file could not be stored", errors.Join(err, os.Remove(l.path(name))))
	}
	for _, old := range replaced { // the sweep removes what stays
		if err := os.Remove(l.path(old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, storageError("the replaced file could not be removed", err)
		}
	}
	return s, nil
}

// insert stores the row of a file and returns the names of the contents it replaced.
func (l *Library) insert(ctx context.Context, session, name string, s *Stored, now time.Time) (replaced []string, err error) {
	err = database.Transact(ctx, l.db, func(ctx context.Context) (err error) {
		replaced, err = scanFile.NewRowIter(l.db.Query(ctx, `DELETE FROM media_files WHERE session=$1 AND media_id=$2 RETURNING file`, session, s.MediaID)).AsList()
		if err != nil {
			return err
		}
		_, err = l.db.Exec(ctx, `
			INSERT INTO media_files (session, media_id, file, mime_type, filename, size, sha256, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			session, s.MediaID, name, s.MimeType, s.Filename, s.Size, s.SHA256, now.UnixMilli(), s.ExpiresAt.UnixMilli())
		return err
	})
	return replaced, err
}

var scanFile = dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string])

// copyIn writes to a temporary file and renames it, so that a reader never finds half a file.
func (l *Library) copyIn(name string, f *File) (err error) {
	if err := f.Rewind(); err != nil {
		return err
	}
	to := l.path(name)
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

// storedFile is a row with the name of its content.
type storedFile struct {
	Stored
	file string
}

var scanStored = dbutil.ConvertRowFn[*storedFile](func(row dbutil.Scannable) (*storedFile, error) {
	var s storedFile
	var expires int64
	err := row.Scan(&s.MediaID, &s.file, &s.MimeType, &s.Filename, &s.Size, &s.SHA256, &expires)
	s.ExpiresAt = time.UnixMilli(expires).UTC()
	return &s, err
})

// openTries bounds how often Get looks a file up again that is replaced at the same moment.
const openTries = 3

// Get opens a kept file of a session. The caller closes the content.
func (l *Library) Get(ctx context.Context, session, mediaID string) (*Stored, io.ReadSeekCloser, error) {
	if !isStorable(mediaID) {
		return nil, nil, noFile()
	}
	for range openTries {
		s, err := scanStored(l.db.QueryRow(ctx, `SELECT media_id, file, mime_type, filename, size, sha256, expires_at FROM media_files
			WHERE session=$1 AND media_id=$2 AND expires_at>$3`, session, mediaID, time.Now().UnixMilli()))
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil, noFile()
		}
		if err != nil {
			return nil, nil, storageError("the file could not be looked up", err)
		}
		content, err := os.Open(l.path(s.file))
		if err == nil {
			return &s.Stored, content, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, nil, storageError("the file could not be opened", err)
		}
	}
	return nil, nil, &Error{Reason: ReasonNotFound, Field: "media_id", Message: "the file is gone"}
}

// Receive keeps content that came from WhatsApp.
func (l *Library) Receive(ctx context.Context, session, mediaID, mimeType, filename string, content func(*os.File) error) (*Stored, error) {
	f, err := l.newTemp()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := content(f.File); err != nil {
		return nil, err
	}
	if err := f.Rewind(); err != nil {
		return nil, storageError("the file could not be read", err)
	}
	sum := sha256.New()
	if f.Size, err = io.Copy(sum, f.File); err != nil {
		return nil, storageError("the file could not be read", err)
	}
	sum.Sum(f.SHA256[:0])
	f.MimeType, f.Filename = mimeType, filename
	return l.Keep(ctx, session, mediaID, f)
}

// Delete removes a kept file of a session; one that is not there is no error. The content goes only with the session's
// own row.
func (l *Library) Delete(ctx context.Context, session, mediaID string) error {
	if !isStorable(mediaID) {
		return nil
	}
	files, err := scanFile.NewRowIter(l.db.Query(ctx, `DELETE FROM media_files WHERE session=$1 AND media_id=$2 RETURNING file`, session, mediaID)).AsList()
	if err != nil {
		return storageError("the file could not be removed", err)
	}
	for _, file := range files {
		if err := os.Remove(l.path(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return storageError("the file could not be removed", err)
		}
	}
	return nil
}

// sweepBatch is how many files one step of Sweep or Purge removes.
const sweepBatch = 500

// Sweep removes what has expired, and contents that no row names.
func (l *Library) Sweep(ctx context.Context) (removed int, err error) {
	now := time.Now().UnixMilli()
	if err := l.removeUploads(ctx, `expires_at<=$1`, now); err != nil {
		return 0, err
	}
	if removed, err = l.removeWhere(ctx, `expires_at<=$1`, now); err != nil {
		return removed, err
	}
	return removed, l.removeOrphans(ctx)
}

// Purge removes all files of a session and its incomplete uploads.
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
			return removed, storageError("the files could not be listed", err)
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
