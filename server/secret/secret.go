// Package secret keeps the secret of a server and the keys that are derived from it, and the admin token. Both are
// generated at the first start unless they are set.
package secret

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/datadir"
	"github.com/waystation/waystation/server/facts"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

const (
	// File is the name of the file with a generated secret, in the data directory.
	File = "secret"
	// secretBytes is the length of a generated secret.
	secretBytes = 32
	// keyBytes is the length of the keys that are derived from a secret: AES-256.
	keyBytes = 32
)

// Names of rows in server_facts.
const (
	// factOldSecret is the secret in databases of versions that kept it there.
	factOldSecret = "secret"
	// factSecretCheck is a constant sealed with a key of the secret. It proves at the start that the secret is the
	// right one.
	factSecretCheck = "secret_check"
)

// checkText is the constant of factSecretCheck.
const checkText = "waystation"

// Secret is the key material of the server. It signs event ids and media addresses and seals secrets in the database,
// and is stored outside of the database: in the setting secret, in secret-file, or in the file secret of the data
// directory.
type Secret struct {
	db       *dbutil.Database
	log      *slog.Logger
	material []byte
	// previous derive the keys that may have sealed values in the database; Open of each package seals those values
	// again.
	previous []func(purpose string) []byte
}

// Key derives the key of a purpose with HKDF-SHA256 (RFC 5869).
func (s *Secret) Key(purpose string) []byte { return deriveKey(s.material, purpose) }

// PreviousKeys are the keys of a purpose that were derived from former secrets.
func (s *Secret) PreviousKeys(purpose string) [][]byte {
	var keys [][]byte
	for _, derive := range s.previous {
		keys = append(keys, derive(purpose))
	}
	return keys
}

func deriveKey(material []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, material, nil, purpose, keyBytes)
	if err != nil {
		panic(err) // the length is a valid constant
	}
	return key
}

// deriveOldKey derives a key in the way used with secrets stored in databases.
func deriveOldKey(material []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, material)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// sealedCheck returns the sealed constant for factSecretCheck.
func (s *Secret) sealedCheck() string {
	return hex.EncodeToString(checkVault(s.Key("check")).Seal(checkText, factSecretCheck))
}

// opensCheck reports whether check was sealed with a key of the material.
func opensCheck(material []byte, check string) bool {
	sealed, err := hex.DecodeString(check)
	if err != nil {
		return false
	}
	text, err := checkVault(deriveKey(material, "check")).Open(sealed, factSecretCheck)
	return err == nil && text == checkText
}

func checkVault(key []byte) *vault.Vault {
	v, err := vault.New(key)
	if err != nil {
		panic(err) // keys have the right length
	}
	return v
}

// Errors for a secret that does not match the database. They name the settings to change.
var (
	errSecretMissing = errors.New("the database contains values that are encrypted with the server's secret, and the secret is missing: " +
		"restore the file, or set -secret-file or WAYSTATION_SECRET (several servers on one database need the same secret)")
	errWrongSecret = errors.New("secret-file: the database is encrypted with another secret than the one given by -secret-file, WAYSTATION_SECRET or " +
		"the file secret in the data directory: give the secret that the database was used with; to replace it, name the file of the " +
		"former one in -previous-secret-file")
)

// Open reads the secret, or generates it at the first start, and checks that it is the one the database was used with.
// facts.Claim must have created the table. Settle completes the replacement of a secret.
func Open(ctx context.Context, db *dbutil.Database, cfg *config.Config, log *slog.Logger) (*Secret, error) {
	s := &Secret{db: db, log: log}
	return s, s.open(ctx, cfg)
}

func (s *Secret) open(ctx context.Context, cfg *config.Config) error {
	old, err := facts.Read(ctx, s.db, factOldSecret)
	if err != nil {
		return err
	}
	check, err := facts.Read(ctx, s.db, factSecretCheck)
	if err != nil {
		return err
	}
	if s.material, err = s.readMaterial(cfg, check != "" && cfg.PreviousSecret() == ""); err != nil {
		return err
	}
	if old != "" { // an earlier version kept its secret here
		material, err := hex.DecodeString(old)
		if err != nil || len(material) != secretBytes {
			return errors.New("the secret in the database is damaged")
		}
		s.previous = append(s.previous, func(purpose string) []byte { return deriveOldKey(material, purpose) })
	}
	if check == "" {
		// Stored before anything is sealed, so that a lost secret is noticed even after an interrupted start. When
		// servers start concurrently, the secret of the first one is stored, and the others compare theirs with it.
		_, err = s.db.Exec(ctx, `INSERT INTO server_facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, factSecretCheck, s.sealedCheck())
		if err != nil {
			return err
		}
		if check, err = facts.Read(ctx, s.db, factSecretCheck); err != nil {
			return err
		}
	}
	former := []byte(cfg.PreviousSecret())
	if len(former) > 0 {
		s.previous = append(s.previous, func(purpose string) []byte { return deriveKey(former, purpose) })
	}
	if !opensCheck(s.material, check) && (len(former) == 0 || !opensCheck(former, check)) {
		return errWrongSecret
	}
	return nil
}

// Settle marks the database with the current secret, and removes the secret that an earlier version stored in
// it. All packages have sealed their values again by then.
func (s *Secret) Settle(ctx context.Context) error {
	if len(s.previous) == 0 {
		return nil
	}
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		if s.db.Dialect == dbutil.SQLite {
			// Otherwise the deleted bytes remain in the free space of the file.
			if _, err := s.db.Exec(ctx, `PRAGMA secure_delete=ON`); err != nil {
				return err
			}
			defer func() { _, _ = s.db.Exec(ctx, `PRAGMA secure_delete=OFF`) }() // the connection returns to the pool
		}
		if _, err := s.db.Exec(ctx, `UPDATE server_facts SET value=$2 WHERE name=$1`, factSecretCheck, s.sealedCheck()); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `DELETE FROM server_facts WHERE name=$1`, factOldSecret)
		return err
	})
	if err != nil {
		return err
	}
	s.previous = nil
	s.log.Info("values in the database are sealed with the current secret")
	return nil
}

// readMaterial returns the secret from the setting or from the file of the data directory. It creates that file
// unless the database was used with a secret already.
func (s *Secret) readMaterial(cfg *config.Config, used bool) ([]byte, error) {
	if cfg.Secret != "" {
		return []byte(cfg.Secret), nil
	}
	path := filepath.Join(cfg.DataDir, File)
	text, err := config.ReadSecretFile(path)
	switch {
	case err == nil:
		return []byte(text), nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("secret-file: %w", err)
	case used:
		return nil, fmt.Errorf("secret-file: there is no file %s: %w", path, errSecretMissing)
	}
	fresh := make([]byte, secretBytes)
	_, _ = rand.Read(fresh) // never fails
	text = hex.EncodeToString(fresh)
	if err := datadir.WritePrivate(path, text); err != nil {
		return nil, fmt.Errorf("secret-file: %w", err)
	}
	s.log.Info("the secret of the server was generated: back it up with the database, which is useless without it", "path", path)
	return []byte(text), nil
}
