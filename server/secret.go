package main

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/vault"
)

const (
	// secretFile is the file of a generated secret, in the data directory.
	secretFile = "secret"
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

// secret is the key material of the server. It signs event ids and media addresses and seals secrets in the database,
// and is stored outside of the database: in the setting secret, in secret-file, or in the file secret of the data
// directory.
type secret struct {
	material []byte
	// previous derive the keys that may have sealed values in the database; Open of each package seals those values
	// again.
	previous []func(purpose string) []byte
}

// key derives the key of a purpose with HKDF-SHA256 (RFC 5869).
func (s secret) key(purpose string) []byte { return deriveKey(s.material, purpose) }

// previousKeys are the keys of a purpose that were derived from former secrets.
func (s secret) previousKeys(purpose string) [][]byte {
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
func (s secret) sealedCheck() string {
	return hex.EncodeToString(checkVault(s.key("check")).Seal(checkText, factSecretCheck))
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

// openSecret reads the secret, or generates it at the first start, and checks that it is the one the database was
// used with. claimDatabase must have created the table. settleSecret completes the replacement of a secret.
func (a *app) openSecret(ctx context.Context) error {
	old, err := readFact(ctx, a.db, factOldSecret)
	if err != nil {
		return err
	}
	check, err := readFact(ctx, a.db, factSecretCheck)
	if err != nil {
		return err
	}
	if a.secret.material, err = a.secretMaterial(check != "" && a.cfg.PreviousSecret() == ""); err != nil {
		return err
	}
	if old != "" { // an earlier version kept its secret here
		material, err := hex.DecodeString(old)
		if err != nil || len(material) != secretBytes {
			return errors.New("the secret in the database is damaged")
		}
		a.secret.previous = append(a.secret.previous, func(purpose string) []byte { return deriveOldKey(material, purpose) })
	}
	if check == "" {
		// Stored before anything is sealed, so that a lost secret is noticed even after an interrupted start. When
		// servers start concurrently, the secret of the first one is stored, and the others compare theirs with it.
		_, err = a.db.Exec(ctx, `INSERT INTO server_facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, factSecretCheck, a.secret.sealedCheck())
		if err != nil {
			return err
		}
		if check, err = readFact(ctx, a.db, factSecretCheck); err != nil {
			return err
		}
	}
	former := []byte(a.cfg.PreviousSecret())
	if len(former) > 0 {
		a.secret.previous = append(a.secret.previous, func(purpose string) []byte { return deriveKey(former, purpose) })
	}
	if !opensCheck(a.secret.material, check) && (len(former) == 0 || !opensCheck(former, check)) {
		return errWrongSecret
	}
	return nil
}

// settleSecret marks the database with the current secret, and removes the secret that an earlier version stored in
// it. All packages have sealed their values again by then.
func (a *app) settleSecret(ctx context.Context) error {
	if len(a.secret.previous) == 0 {
		return nil
	}
	err := database.Transact(ctx, a.db, func(ctx context.Context) error {
		if a.db.Dialect == dbutil.SQLite {
			// Otherwise the deleted bytes remain in the free space of the file.
			if _, err := a.db.Exec(ctx, `PRAGMA secure_delete=ON`); err != nil {
				return err
			}
			defer func() { _, _ = a.db.Exec(ctx, `PRAGMA secure_delete=OFF`) }() // the connection returns to the pool
		}
		if _, err := a.db.Exec(ctx, `UPDATE server_facts SET value=$2 WHERE name=$1`, factSecretCheck, a.secret.sealedCheck()); err != nil {
			return err
		}
		_, err := a.db.Exec(ctx, `DELETE FROM server_facts WHERE name=$1`, factOldSecret)
		return err
	})
	if err != nil {
		return err
	}
	a.secret.previous = nil
	a.log.Info("values in the database are sealed with the current secret")
	return nil
}

func readFact(ctx context.Context, db *dbutil.Database, name string) (value string, err error) {
	err = db.QueryRow(ctx, `SELECT value FROM server_facts WHERE name=$1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// secretMaterial returns the secret from the setting or from the file of the data directory. It creates that file
// unless the database was used with a secret already.
func (a *app) secretMaterial(used bool) ([]byte, error) {
	if a.cfg.Secret != "" {
		return []byte(a.cfg.Secret), nil
	}
	path := filepath.Join(a.cfg.DataDir, secretFile)
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
	if err := writePrivate(path, text); err != nil {
		return nil, fmt.Errorf("secret-file: %w", err)
	}
	a.log.Info("the secret of the server was generated: back it up with the database, which is useless without it", "path", path)
	return []byte(text), nil
}

// writePrivate writes a file of one line atomically, readable only by its owner. It is on the disk when writePrivate
// returns.
func writePrivate(path, line string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}
