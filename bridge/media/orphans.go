package media

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// orphanAge is how old a content without a row is when it is removed: Keep writes the content before its row.
const orphanAge = time.Hour

// removeOrphans removes contents that no row names: a process that ends between the write of a content and of its row, or
// between the deletion of a row and of its content, leaves one.
func (l *Library) removeOrphans(ctx context.Context) error {
	folders, err := os.ReadDir(filepath.Join(l.dir, "files"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return storageError("the stored files could not be listed", err)
	}
	for _, folder := range folders {
		if err := l.removeOrphansOf(ctx, folder.Name()); err != nil {
			return err
		}
	}
	return nil
}

// removeOrphansOf looks through one folder, a batch at a time.
func (l *Library) removeOrphansOf(ctx context.Context, folder string) error {
	dir, err := os.Open(filepath.Join(l.dir, "files", folder))
	if err != nil {
		return storageError("the stored files could not be listed", err)
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(sweepBatch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return storageError("the stored files could not be listed", err)
		}
		for _, entry := range entries {
			if err := l.removeOrphan(ctx, entry); err != nil {
				return err
			}
		}
	}
}

func (l *Library) removeOrphan(ctx context.Context, entry os.DirEntry) error {
	info, err := entry.Info()
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return storageError("the stored files could not be listed", err)
	}
	name := entry.Name()
	if !info.Mode().IsRegular() || len(name) < 2 || time.Since(info.ModTime()) < orphanAge {
		return nil
	}
	var named int
	if err := l.db.QueryRow(ctx, `SELECT COUNT(*) FROM media_files WHERE file=$1`, name).Scan(&named); err != nil {
		return storageError("the stored files could not be looked up", err)
	}
	if named > 0 {
		return nil
	}
	if err := os.Remove(l.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return storageError("a file without an owner could not be removed", err)
	}
	return nil
}
