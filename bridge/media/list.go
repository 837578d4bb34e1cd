package media

import (
	"context"
	"time"

	"go.mau.fi/util/dbutil"
)

// Listed is a kept file in a list.
type Listed struct {
	Stored
	CreatedAt time.Time
}

var scanListed = dbutil.ConvertRowFn[*Listed](func(row dbutil.Scannable) (*Listed, error) {
	var s Listed
	var created, expires int64
	err := row.Scan(&s.MediaID, &s.MimeType, &s.Filename, &s.Size, &s.SHA256, &created, &expires)
	s.CreatedAt, s.ExpiresAt = time.UnixMilli(created).UTC(), time.UnixMilli(expires).UTC()
	return &s, err
})

// List returns a page of the kept files of a session, the newest first, and the number and size in bytes of all.
func (l *Library) List(ctx context.Context, session string, limit, offset int) (page []*Listed, count int, size int64, err error) {
	now := time.Now().UnixMilli()
	err = l.db.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM media_files WHERE session=$1 AND expires_at>$2`, session, now).Scan(&count, &size)
	if err == nil {
		page, err = scanListed.NewRowIter(l.db.Query(ctx, `SELECT media_id, mime_type, filename, size, sha256, created_at, expires_at FROM media_files
			WHERE session=$1 AND expires_at>$2 ORDER BY created_at DESC, media_id DESC LIMIT $3 OFFSET $4`, session, now, limit, offset)).AsList()
	}
	if err != nil {
		return nil, 0, 0, storageError("the files could not be listed", err)
	}
	return page, count, size, nil
}
