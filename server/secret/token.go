package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/datadir"
)

// adminTokenFile is the file of a generated admin token, in the data directory.
const adminTokenFile = "admin-token"

// AdminToken returns the admin token from the settings or from an earlier start, or generates one. kept is the file
// that contains it, empty when it was set.
func AdminToken(cfg *config.Config) (token, kept string, err error) {
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
	if err := datadir.WritePrivate(kept, token); err != nil {
		return "", "", fmt.Errorf("admin token: %w", err)
	}
	return token, kept, nil
}
