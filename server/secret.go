package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"go.mau.fi/util/dbutil"
)

// secretBytes is the length of the server's secret.
const secretBytes = 32

// secret is what the server signs with. It is made once and lives in the database, so that what was signed holds after a
// restart and on every node.
type secret []byte

// loadSecret reads the secret, or makes it. claimDatabase must have made the table.
func loadSecret(ctx context.Context, db *dbutil.Database) (secret, error) {
	fresh := make([]byte, secretBytes)
	_, _ = rand.Read(fresh) // never fails
	// Of many nodes that start at once the first one's stays.
	_, err := db.Exec(ctx, `INSERT INTO server_facts (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING`, hex.EncodeToString(fresh))
	if err != nil {
		return nil, err
	}
	var text string
	if err := db.QueryRow(ctx, `SELECT value FROM server_facts WHERE name='secret'`).Scan(&text); err != nil {
		return nil, err
	}
	s, err := hex.DecodeString(text)
	if err != nil || len(s) != secretBytes {
		return nil, errors.New("the secret in the database is damaged")
	}
	return s, nil
}

// key derives a key for one purpose.
func (s secret) key(purpose string) []byte {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
