package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/server/config"
)

// adminTokenFile is where a generated admin token is kept, in the data directory.
const adminTokenFile = "admin-token"

// adminToken gives the admin token that is set, or else the one made at an earlier start, or makes one. kept is the
// file it is in, empty when it was set.
func adminToken(cfg *config.Config) (token, kept string, err error) {
	if cfg.AdminToken != "" {
		return cfg.AdminToken, "", nil
	}
	kept = filepath.Join(cfg.DataDir, adminTokenFile)
	token, err = config.ReadTokenFile(kept)
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return "", "", fmt.Errorf("admin token: %w", err)
		}
		return token, kept, nil
	}
	token = auth.NewToken()
	if err := writeToken(kept, token); err != nil {
		return "", "", fmt.Errorf("admin token: %w", err)
	}
	return token, kept, nil
}

// writeToken makes the file, whole or not at all, readable by its owner alone.
func writeToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), adminTokenFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(token + "\n")
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
